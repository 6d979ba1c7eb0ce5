// Whether a value meets a schema of ours: the keywords that occur in schemas/, and a complaint
// about any other, so that none is written there in vain.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace signalbox::event_store {

// "" or the path that is wrong and the keyword it breaks.
[[nodiscard]] std::string schema_violation(const nlohmann::json& schema,
                                           const nlohmann::json& value);

}  // namespace signalbox::event_store
