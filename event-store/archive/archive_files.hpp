// ArchiveFiles: the open files of an archive, by partition, for one kind of questions. `File` has
// open(path, partition) and is_current(). Thread: one; calls block on the disk.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "event-store/archive/archive_format.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

template <class File>
class ArchiveFiles {
 public:
  explicit ArchiveFiles(std::string folder) : folder_(std::move(folder)) {}

  // What `question` says of the file of this partition, which is opened where it is not, or was
  // made anew; one that answers with an error is opened again the next time. Errors: those of
  // opening it and of the question.
  template <class Answer, class Ask>
  [[nodiscard]] Result<Answer> ask(Partition partition, const Ask& question) {
    const Result<File*> file = file_of(partition);
    if (!file) return tl::unexpected<Error>(file.error());
    Result<Answer> answer = question(**file);
    if (!answer) files_.erase(partition);
    return answer;
  }

 private:
  Result<File*> file_of(Partition partition) {
    const auto found = files_.find(partition);
    if (found != files_.end()) {
      if (found->second->is_current()) return found->second.get();
      files_.erase(found);
    }
    auto opened = File::open(archive_path(folder_, partition), partition);
    if (!opened) return tl::unexpected<Error>(opened.error());
    return files_.emplace(partition, *std::move(opened)).first->second.get();
  }

  std::string folder_;
  std::map<Partition, std::unique_ptr<File>> files_;
};

}  // namespace signalbox::event_store
