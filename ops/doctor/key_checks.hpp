// Are the keys sound that sign, that check tokens and that speak TLS. Reads only: what a service
// would make is not made. Blocks on the disk, and on the network where the keys are at an address.
// Checks: dev-key, jwks, revoked-file, tls.
#pragma once

#include <vector>

#include "event-store/model/clock.hpp"
#include "ops/doctor/finding.hpp"
#include "ops/doctor/subject.hpp"

namespace signalbox::doctor {

// Those that are of no use with these settings are left out.
[[nodiscard]] std::vector<Finding> check_keys(const Subject& subject, Timestamp now);

[[nodiscard]] Finding check_dev_key(const std::string& path);
[[nodiscard]] Finding check_jwks(const std::string& source, const std::string& ca_file);
[[nodiscard]] Finding check_revoked_file(const std::string& path);
[[nodiscard]] Finding check_tls(const std::string& certificate, const std::string& key,
                                Timestamp now);

}  // namespace signalbox::doctor
