#include "ops/doctor/examination.hpp"

#include <filesystem>
#include <utility>

#include "event-store/log/data_lock.hpp"
#include "event-store/log/log_reader.hpp"
#include "ops/doctor/anchor_checks.hpp"
#include "ops/doctor/cache_checks.hpp"
#include "ops/doctor/folder_checks.hpp"
#include "ops/doctor/kafka_checks.hpp"
#include "ops/doctor/key_checks.hpp"
#include "ops/doctor/log_checks.hpp"
#include "ops/doctor/machine_checks.hpp"
#include "ops/doctor/port_checks.hpp"
#include "router/agents/default_agents.hpp"

namespace signalbox::doctor {
namespace {

using event_store::LogReader;

constexpr std::int32_t kDefaultPartitions = 12;

class Examination {
 public:
  Examination(const Subject& subject, const Clock& clock, const Progress& progress)
      : subject_(subject), clock_(clock), progress_(progress) {}

  std::vector<Finding> run() {
    using Group = void (Examination::*)();
    const std::pair<const char*, Group> groups[] = {{"folder", &Examination::look_at_folder},
                                                    {"log", &Examination::look_at_log},
                                                    {"keys", &Examination::look_at_keys},
                                                    {"ports", &Examination::look_at_ports},
                                                    {"machine", &Examination::look_at_machine}};
    for (const auto& [name, look] : groups) {
      if (!progress_(name)) break;
      (this->*look)();
    }
    return std::move(findings_);
  }

 private:
  void add(Finding finding) { findings_.push_back(std::move(finding)); }
  void add(std::vector<Finding> findings) {
    for (Finding& finding : findings) add(std::move(finding));
  }

  void look_at_folder() {
    if (!subject_.has_folder) return;
    holder_ = event_store::lock_holder(subject_.data);
    add(check_data_folder(subject_.data));
    const Mount mount = mount_of(subject_.data);
    add(judge_file_system(subject_.data, mount));
    std::error_code ignored;
    if (!std::filesystem::is_directory(subject_.data, ignored)) return;
    add(check_data_files(subject_.data));
    add(judge_fdatasync(subject_.data, measure_fdatasync(subject_.data), mount));
  }

  void look_at_log() {
    if (subject_.kafka) {
      KafkaExamination kafka = check_kafka(subject_, clock_);
      add(std::move(kafka.findings));
      newest_ = kafka.newest;
      if (subject_.has_folder) look_at_room(std::nullopt);
      return;
    }
    auto log = LogReader::open(subject_.data);
    add(judge_log_file(subject_, log, holder_));
    std::optional<LogGrowth> growth;
    if (log) {
      partitions_ = log->describe().partitions;
      add(check_records(subject_, *log, holder_,
                        [this](const replay::Progress&) { return progress_("log"); }));
      if (!progress_("log")) return;
      add(check_write_ahead_log(subject_, holder_.has_value()));
      if (const auto measured = measure_growth(subject_, *log, clock_.now()); measured)
        growth = *measured;
      if (const auto newest = newest_time(*log); newest) newest_ = *newest;
      add(check_archive(subject_, *log, holder_));
      add(check_snapshots(subject_, log->describe().log_id, holder_));
      add(check_anchor_key(subject_, log->describe().log_id));
      add(check_anchors(subject_, *log, clock_.now(), holder_));
    }
    look_at_room(growth);
  }

  void look_at_room(const std::optional<LogGrowth>& growth) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(subject_.data, ignored)) return;
    const Mount mount = mount_of(subject_.data);
    add(judge_disk_space(measure_room(subject_.data), growth, mount,
                         "when it is full nothing is acknowledged any more (`log_unavailable`)"));
    const Mount of_anchors = mount_of(subject_.anchor_dir);
    if (of_anchors.point != mount.point &&
        std::filesystem::is_directory(subject_.anchor_dir, ignored))
      add(judge_disk_space(measure_room(subject_.anchor_dir), std::nullopt, of_anchors,
                           "when it is full no further anchor is written"));
  }

  void look_at_keys() {
    add(check_keys(subject_, clock_.now()));
    if (!subject_.playbook) return;
    const auto agents = router::make_default_agents({.playbook = subject_.playbook});
    if (agents)
      add(ok("playbook", *subject_.playbook + " can be read"));
    else
      add(fault("playbook", agents.error().message, "a service does not start",
                "\"${EDITOR:-vi}\" " + shell_word(*subject_.playbook)));
  }

  void look_at_ports() { add(check_ports(subject_, holder_)); }

  void look_at_machine() {
    add(judge_clock(clock_.now(), newest_));
    add(judge_clock_sync(read_clock_sync()));
    const auto service = holder_ && *holder_ > 0 ? holder_ : std::nullopt;
    add(judge_open_files(read_file_limit(service), subject_.sockets));
    const MachineSize machine = read_machine_size();
    add(judge_cores(machine, subject_));
    add(judge_memory(machine, subject_, partitions_));
  }

  const Subject& subject_;
  const Clock& clock_;
  const Progress& progress_;
  std::optional<pid_t> holder_;
  std::optional<Timestamp> newest_;
  std::int32_t partitions_ = kDefaultPartitions;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> examine(const Subject& subject, const Clock& clock, const Progress& progress) {
  return Examination(subject, clock, progress).run();
}

}  // namespace signalbox::doctor
