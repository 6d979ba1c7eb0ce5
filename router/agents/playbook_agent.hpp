// PlaybookAgent: plays recorded dialogues (Playbook). A thread whose id is a conversation_id plays
// that dialogue; any other thread the first dialogue that opens with the same words. It never makes
// anything up: to words that are not the recorded ones it says which it expected.
//
// Its tools run as any tool does, as steps of their own that take a few milliseconds. A recorded
// result is found by its place in the dialogue, not by the arguments, because the same call may
// have other results later on; the agent notes the place under its run_id before it awaits the
// call. The notes live in memory only: a run that goes on elsewhere runs the coroutine again from
// its start and so makes them again.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "router/agents/agent.hpp"
#include "router/agents/playbook.hpp"

namespace signalbox::router {

// Which recorded call each run is about to make. Any thread; holds one entry per open run.
class PlaybookCues {
 public:
  // Ends with the coroutine that holds it.
  class Cue {
   public:
    Cue(PlaybookCues& cues, const RunId& run) : cues_(cues), run_(run) {}
    Cue(const Cue&) = delete;
    Cue& operator=(const Cue&) = delete;
    ~Cue() { cues_.remove(*this); }
    void set(const Playbook::Call& call) { cues_.set(*this, call); }

   private:
    friend class PlaybookCues;
    PlaybookCues& cues_;
    RunId run_;
  };

  // Null when the run is not about to make a call.
  [[nodiscard]] const Playbook::Call* find(const RunId& run) const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    const Cue* by;
    const Playbook::Call* call;
  };
  void set(const Cue& cue, const Playbook::Call& call);
  void remove(const Cue& cue);

  mutable std::mutex mutex_;
  std::unordered_map<RunId, Entry> entries_;  // GUARDED_BY(mutex_)
};

// Lives as long as the router that owns it; any thread may start runs and tools.
class PlaybookAgent : public Agent {
 public:
  // A call takes 1 to 8 ms times latency_scale, always the same for the same call_id.
  explicit PlaybookAgent(Playbook playbook, double latency_scale = 1.0);

  [[nodiscard]] std::string_view name() const override { return "playbook"; }
  [[nodiscard]] std::string_view version() const override { return "2"; }
  [[nodiscard]] Tool* find_tool(std::string_view tool_name) override;
  [[nodiscard]] AgentTask start(AgentRun& run) override;

  [[nodiscard]] const Playbook& playbook() const { return playbook_; }
  [[nodiscard]] const PlaybookCues& cues() const { return cues_; }

 private:
  Playbook playbook_;
  PlaybookCues cues_;
  std::vector<std::unique_ptr<Tool>> tools_;  // in the order of Playbook::tool_names()
};

}  // namespace signalbox::router
