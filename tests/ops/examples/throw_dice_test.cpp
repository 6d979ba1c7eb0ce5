#include "ops/examples/throw_dice.hpp"

#include <gtest/gtest.h>

#include "tests/agents/run_driver.hpp"
#include "tests/support/simulated_scheduler.hpp"

namespace dice {
namespace {

using namespace signalbox;
using namespace signalbox::testing;

// The result, as JSON or as the code of an error.
std::string result_of(const std::string& arguments) {
  test_support::SimulatedScheduler scheduler;
  Executor& executor = scheduler.make_executor("router");
  ThrowDice tool([] { return 4; });
  const UserExecutionContext context = test_context("t-1");
  std::string told = "nothing";
  const auto execution =
      tool.start({context, test_call_id(context.run_id, 1), JsonText(arguments)}, scheduler.clock(),
                 executor, [&told](const router::ToolResult& result) {
                   const auto* error = std::get_if<ToolError>(&result);
                   told = error != nullptr ? error->code : std::get<JsonText>(result).value();
                 });
  EXPECT_EQ(told, "nothing");
  scheduler.advance(std::chrono::seconds(1));
  return told;
}

TEST(ThrowDice, ThrowsAsManyAsItIsAskedFor) {
  EXPECT_EQ(result_of(R"({"dice":3})"), R"({"faces":[4,4,4]})");
}

TEST(ThrowDice, SaysOfEveryOtherArgumentThatItIsBadAndNeverThrows) {
  for (const char* const bad :
       {R"({"dice":"3"})", R"({"dice":null})", R"({"dice":2.5})", R"({"dice":[3]})",
        R"({"dice":4294967299})", R"({"dice":-1})", "{}", "null", "[3]", "3"})
    EXPECT_EQ(result_of(bad), "bad_arguments") << bad;
}

}  // namespace
}  // namespace dice
