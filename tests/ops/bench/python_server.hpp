// A Python script that serves on loopback: started with a pipe to its input, which ends
// it when closed, and asked for its port by the first line it prints.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace signalbox::bench {

class PythonServer {
 public:
  explicit PythonServer(const std::string& script, std::vector<std::string> arguments = {}) {
    std::array<int, 2> input{};
    std::array<int, 2> output{};
    EXPECT_EQ(::pipe2(input.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(output.data(), O_CLOEXEC), 0);
    std::vector<std::string> words{"/usr/bin/python3", script};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(input[0], STDIN_FILENO);
      ::dup2(output[1], STDOUT_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(input[0]);
    ::close(output[1]);
    input_ = input[1];
    char byte = 0;
    while (::read(output[0], &byte, 1) == 1 && byte != '\n') port_ += byte;
    ::close(output[0]);
    EXPECT_FALSE(port_.empty()) << script << " did not start";
  }
  ~PythonServer() {
    ::close(input_);
    ::waitpid(child_, nullptr, 0);
  }
  PythonServer(const PythonServer&) = delete;
  PythonServer& operator=(const PythonServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path) const {
    return "ws://127.0.0.1:" + port_ + path;
  }

 private:
  pid_t child_ = -1;
  int input_ = -1;
  std::string port_;
};

}  // namespace signalbox::bench
