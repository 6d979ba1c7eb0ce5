#include "router/agents/assistant/calculator.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/agents/assistant/calendar.hpp"
#include "router/agents/assistant/phrases.hpp"

namespace signalbox::router {
namespace {

constexpr int kDepthMax = 100;
constexpr long long kExponentMax = 1024;  // that is multiplied out
constexpr long long kFactorialMax = 170;  // the largest within a double

// ---- tokens

enum class Kind { number, name, sign, end };

// Signs: + - * / % ^ ! ( ) , as written; p percent, o of, 2 squared, 3 cubed.
struct Token {
  Kind kind;
  std::string text;
  std::size_t at;  // in the text
  ExactNumber number{};
  bool after_space = false;
};

struct Word {
  std::string_view phrase;
  Kind kind;
  std::string_view text;
};
// Longer phrases before those they begin with.
constexpr Word kWords[] = {
    {"to the power of", Kind::sign, "^"},
    {"raised to", Kind::sign, "^"},
    {"multiplied by", Kind::sign, "*"},
    {"divided by", Kind::sign, "/"},
    {"the square root of", Kind::name, "sqrt"},
    {"square root of", Kind::name, "sqrt"},
    {"percent", Kind::sign, "p"},
    {"per cent", Kind::sign, "p"},
    {"squared", Kind::sign, "2"},
    {"cubed", Kind::sign, "3"},
    {"factorial", Kind::sign, "!"},
    {"modulo", Kind::sign, "%"},
    {"mod", Kind::sign, "%"},
    {"plus", Kind::sign, "+"},
    {"minus", Kind::sign, "-"},
    {"times", Kind::sign, "*"},
    {"over", Kind::sign, "/"},
    {"of", Kind::sign, "o"},
    {"x", Kind::sign, "*"},
    {"×", Kind::sign, "*"},
    {"÷", Kind::sign, "/"},
    {"−", Kind::sign, "-"},
    {"**", Kind::sign, "^"},
    {"√", Kind::name, "sqrt"},
    {"half", Kind::name, "half"},
    {"pi", Kind::name, "pi"},
    {"sqrt", Kind::name, "sqrt"},
    {"abs", Kind::name, "abs"},
    {"round", Kind::name, "round"},
    {"floor", Kind::name, "floor"},
    {"ceil", Kind::name, "ceil"},
    {"min", Kind::name, "min"},
    {"max", Kind::name, "max"},
    {"ln", Kind::name, "ln"},
    {"log", Kind::name, "log"},
    {"exp", Kind::name, "exp"},
};
constexpr std::string_view kSigns = "+-*/%^!(),";

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // Nothing where a character or word means nothing here; at() is then its place.
  std::optional<std::vector<Token>> run() {
    std::vector<Token> tokens;
    while (true) {
      const std::size_t end = at_;
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (at_ == text_.size()) break;
      const bool after_space = at_ > end;
      auto token = next();
      if (!token) return std::nullopt;
      token->after_space = after_space;
      depth_ += token->text == "(" ? 1 : token->text == ")" ? -1 : 0;
      tokens.push_back(std::move(*token));
    }
    tokens.push_back({Kind::end, "", at_});
    return tokens;
  }
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  std::optional<Token> next() {
    const std::size_t start = at_;
    if (is_digit(text_[at_]) || text_[at_] == '.') return read_number();
    const std::string_view rest = text_.substr(at_);
    for (const Word& word : kWords) {
      if (!same(rest.substr(0, word.phrase.size()), word.phrase)) continue;
      // "x" and "of" are words of their own or none: "xylophone" begins with neither.
      const std::size_t end = word.phrase.size();
      if (is_ascii_letter(word.phrase.back()) && end < rest.size() && is_ascii_letter(rest[end]))
        continue;
      at_ += end;
      return Token{word.kind, std::string(word.text), start};
    }
    if (is_ascii_letter(text_[at_])) return read_count();
    if (kSigns.find(text_[at_]) == std::string_view::npos) return std::nullopt;
    return Token{Kind::sign, std::string(1, text_[at_++]), start};
  }

  // "seven"
  std::optional<Token> read_count() {
    std::size_t end = at_;
    while (end < text_.size() && is_ascii_letter(text_[end])) ++end;
    const std::string_view word = text_.substr(at_, end - at_);
    const auto count = is_any(word, {"a", "an"}) ? std::nullopt : parse_count(word);
    if (!count) return std::nullopt;
    return Token{Kind::number, "", std::exchange(at_, end), ExactNumber(*count)};
  }

  std::optional<Token> read_number() {
    const std::size_t start = at_;
    std::string digits;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      // 1,000,000: only outside brackets, where a comma may part arguments.
      const bool groups = c == ',' && depth_ == 0 && !digits.empty() && is_group(at_ + 1);
      if (!is_digit(c) && c != '.' && !groups) break;
      if (!groups) digits.push_back(c);
      ++at_;
    }
    const auto number = ExactNumber::parse(digits);
    if (!number) {
      at_ = start;
      return std::nullopt;
    }
    return Token{Kind::number, "", start, *number};
  }

  [[nodiscard]] bool is_group(std::size_t at) const {
    for (std::size_t i = at; i < at + 3; ++i)
      if (i >= text_.size() || !is_digit(text_[i])) return false;
    return at + 3 == text_.size() || !is_digit(text_[at + 3]);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// ---- grammar

// After the first error every function returns at once: the tokens seem to have ended.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  tl::expected<Calculation, ToolError> run() {
    const ExactNumber value = sum();
    if (!error_ && peek().kind != Kind::end) fail_here();
    if (!error_ && !value.is_finite()) fail("out_of_range", "the result is too large");
    if (error_) return tl::unexpected(*error_);
    return Calculation{value, operations_};
  }

 private:
  [[nodiscard]] const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  [[nodiscard]] bool is_sign(std::string_view text) const {
    return peek().kind == Kind::sign && peek().text == text;
  }
  bool take(std::string_view sign) {
    if (!is_sign(sign)) return false;
    ++at_;
    return true;
  }
  ExactNumber fail(std::string code, std::string message) {
    if (!error_) error_ = ToolError{std::move(code), std::move(message)};
    at_ = tokens_.size() - 1;
    return {};
  }
  ExactNumber fail_here() {
    if (peek().kind == Kind::end) return fail("bad_arguments", "something is missing at the end");
    return fail("bad_arguments",
                "character " + std::to_string(peek().at + 1) + " does not fit there");
  }

  ExactNumber sum() {
    ExactNumber total = product();
    while (is_sign("+") || is_sign("-")) {
      const bool minus = peek().text == "-";
      ++at_;
      ++operations_;
      ExactNumber part = product();
      if (only_percent_) part = part * total;  // 80 + 15%: of the 80
      total = minus ? total - part : total + part;
      only_percent_ = false;
    }
    return total;
  }

  ExactNumber product() {
    ExactNumber total = factor();
    while (true) {
      if (take("*")) {
        total = total * factor();
      } else if (is_sign("o") && (only_percent_ || !total.whole())) {
        ++at_;
        total = total * factor();
      } else if (take("/")) {
        total = divide(total, factor());
      } else if (take("%")) {
        const ExactNumber divisor = factor();
        total = total - divide(total, divisor).floor() * divisor;
      } else {
        return total;
      }
      ++operations_;
      only_percent_ = false;
    }
  }

  ExactNumber divide(const ExactNumber& value, const ExactNumber& divisor) {
    if (divisor.is_zero()) return fail("division_by_zero", "nothing can be divided by zero");
    return value / divisor;
  }

  ExactNumber factor() {
    bool minus = false;
    while (is_sign("-") || is_sign("+")) {
      minus ^= peek().text == "-";
      ++at_;
    }
    const ExactNumber value = power();
    return minus ? -value : value;
  }

  ExactNumber power() {
    const ExactNumber base = postfix();
    if (!take("^")) return base;
    ++operations_;
    if (++depth_ > kDepthMax) return fail("bad_arguments", "it is nested too deeply");
    const ExactNumber value = raise(base, factor());
    --depth_;
    only_percent_ = false;
    return value;
  }

  ExactNumber raise(const ExactNumber& base, const ExactNumber& exponent) {
    const auto whole = exponent.whole();
    if (base.is_zero() && exponent.is_negative()) return divide(1, base);
    if (base.is_exact() && whole && *whole >= -kExponentMax && *whole <= kExponentMax) {
      ExactNumber value(1);
      for (long long i = 0; i < std::abs(*whole); ++i) value = value * base;
      return *whole < 0 ? divide(1, value) : value;
    }
    if (base.is_negative() && !whole)
      return fail("out_of_range", "that power of a negative number is no real number");
    return ExactNumber::approximate(std::pow(base.to_double(), exponent.to_double()));
  }

  ExactNumber postfix() {
    ExactNumber value = operand();
    only_percent_ = false;
    while (true) {
      if (take("!")) {
        value = factorial(value);
      } else if (is_sign("p") || (is_sign("%") && !parts_operands())) {
        ++at_;
        value = value / ExactNumber(100);
        only_percent_ = true;
        ++operations_;
        continue;
      } else if (take("2")) {
        value = value * value;
      } else if (take("3")) {
        value = value * value * value;
      } else {
        return value;
      }
      ++operations_;
      only_percent_ = false;
    }
  }

  // Whether the "%" that comes next is a remainder: an operand follows. "10 % -3" is one, too, but
  // "10% - 3" and "10% -3" are ten percent less three.
  [[nodiscard]] bool parts_operands() const {
    const bool negative = peek().after_space && peek(1).text == "-" && !peek(2).after_space;
    const Token& next = peek(negative ? 2 : 1);
    return next.kind == Kind::number || next.kind == Kind::name || next.text == "(";
  }

  ExactNumber factorial(const ExactNumber& value) {
    const auto whole = value.whole();
    if (!whole || *whole < 0)
      return fail("out_of_range", "a factorial is that of a whole number, 0 or more");
    if (*whole > kFactorialMax) return fail("out_of_range", "the result is too large");
    ExactNumber product(1);
    for (long long i = 2; i <= *whole; ++i) product = product * ExactNumber(i);
    return product;
  }

  ExactNumber operand() {
    if (error_) return {};
    const Token token = peek();
    if (token.kind == Kind::number) {
      ++at_;
      return token.number;
    }
    if (token.kind == Kind::name) {
      ++at_;
      return named(token.text);
    }
    if (!is_sign("(")) return fail_here();
    return arguments().front();
  }

  // "(" sum { "," sum } ")"
  std::vector<ExactNumber> arguments() {
    std::vector<ExactNumber> values;
    if (++depth_ > kDepthMax) return {fail("bad_arguments", "it is nested too deeply")};
    const bool is_call = at_ > 0 && tokens_[at_ - 1].kind == Kind::name;
    ++at_;
    do values.push_back(sum());
    while (is_call && take(","));
    if (!error_ && !take(")")) fail_here();
    --depth_;
    return values;
  }

  ExactNumber named(const std::string& name) {
    if (name == "half") return ExactNumber::fraction(1, 2);
    ++operations_;
    if (name == "pi") return ExactNumber::approximate(std::numbers::pi);
    take("o");  // "sqrt of 16"
    const std::vector<ExactNumber> values =
        is_sign("(") ? arguments() : std::vector<ExactNumber>{nested_factor()};
    if (error_) return {};
    if (name == "min" || name == "max") return extreme(values, name == "min");
    if (values.size() != 1) return fail("bad_arguments", name + " takes one number");
    return apply(name, values.front());
  }

  ExactNumber nested_factor() {
    if (++depth_ > kDepthMax) return fail("bad_arguments", "it is nested too deeply");
    const ExactNumber value = factor();
    --depth_;
    return value;
  }

  static ExactNumber extreme(const std::vector<ExactNumber>& values, bool smallest) {
    ExactNumber found = values.front();
    for (const ExactNumber& value : values)
      if ((smallest ? value - found : found - value).is_negative()) found = value;
    return found;
  }

  ExactNumber apply(const std::string& name, const ExactNumber& value) {
    if (name == "abs") return value.is_negative() ? -value : value;
    if (name == "floor") return value.floor();
    if (name == "ceil") return -(-value).floor();
    if (name == "round") return (value + ExactNumber::fraction(1, 2)).floor();
    if (name == "exp") return ExactNumber::approximate(std::exp(value.to_double()));
    if (name == "sqrt") {
      if (value.is_negative())
        return fail("out_of_range", "the square root of a negative number is no real number");
      return value.square_root();
    }
    if (value.is_zero() || value.is_negative())
      return fail("out_of_range", "only numbers above 0 have a logarithm");
    const double number = value.to_double();
    return ExactNumber::approximate(name == "ln" ? std::log(number) : std::log10(number));
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::optional<ToolError> error_;
  int depth_ = 0;
  int operations_ = 0;
  bool only_percent_ = false;  // the factor read last is a bare percentage
};

}  // namespace

tl::expected<Calculation, ToolError> calculate(std::string_view text) {
  Lexer lexer(text);
  auto tokens = lexer.run();
  if (!tokens)
    return tl::unexpected(
        ToolError{"bad_arguments", "character " + std::to_string(lexer.at() + 1) +
                                       " begins nothing that can be calculated with"});
  return Parser(std::move(*tokens)).run();
}

}  // namespace signalbox::router
