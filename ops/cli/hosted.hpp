// Hosted: a part that lives on a role's thread: it is made there, by a task, and destroyed there.
// The thread outlives it.
#pragma once

#include <memory>

#include "ops/cli/role_thread.hpp"

namespace signalbox::cli {

template <class Part>
class Hosted {
 public:
  explicit Hosted(RoleThread& thread) : thread_(thread) {}
  ~Hosted() {
    thread_.run([this] { part_.reset(); });
  }
  Hosted(const Hosted&) = delete;
  Hosted& operator=(const Hosted&) = delete;

  [[nodiscard]] std::unique_ptr<Part>& part() { return part_; }
  [[nodiscard]] const Part* get() const { return part_.get(); }
  Part* operator->() { return part_.get(); }
  const Part* operator->() const { return part_.get(); }
  Part& operator*() { return *part_; }
  explicit operator bool() const { return part_ != nullptr; }

 private:
  RoleThread& thread_;
  std::unique_ptr<Part> part_;
};

}  // namespace signalbox::cli
