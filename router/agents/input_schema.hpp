// The subset of JSON Schema that an agent may use when it asks a person (AgentRun::ask): `type`,
// `enum`, `properties`, `required`, `additionalProperties` (true or false), `items`, `minItems`,
// `maxItems`, `minLength`, `maxLength` (in code points), `minimum`, `maximum`; `title`,
// `description`, `default`, `examples`, `$schema` and `$comment` are allowed and mean nothing.
// Pure; any thread.
#pragma once

#include "event-store/model/json_text.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::router {

// Whether a schema is one we can check. Errors: malformed, with the path of the keyword (`schema`,
// `schema.properties.size.type`). A schema that fails here is a bug of the agent that asks.
[[nodiscard]] Result<void> check_input_schema(const JsonText& schema);

// Whether an answer meets the schema. Errors: bad_json, missing_field, bad_field with the whole
// path (`data.sizes[2].name`); malformed where the schema itself is not one of ours.
[[nodiscard]] Result<void> check_input(const JsonText& schema, const JsonText& data);

}  // namespace signalbox::router
