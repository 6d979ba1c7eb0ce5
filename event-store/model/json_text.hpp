// JsonText: a complete JSON value as text, valid when it was made. Arguments, results and schemas
// of tools are carried in it unread; only codecs and agents look inside.
#pragma once

#include <string>

#include "event-store/model/tagged.hpp"

namespace signalbox {

using JsonText = Tagged<std::string, struct JsonTextTag>;

}  // namespace signalbox
