#include "router/agents/assistant/units.hpp"

#include "router/agents/assistant/calendar.hpp"
#include "router/agents/assistant/phrases.hpp"

namespace signalbox::router {
namespace {

constexpr long long k10e3 = 1'000;
constexpr long long k10e6 = 1'000'000;
constexpr long long k10e9 = 1'000'000'000;
constexpr long long k10e12 = 1'000'000'000'000;

// Bases: meter, gram, kelvin, liter, meter per second, second, bit.
constexpr Unit kUnits[] = {
    {"km", "length", 1000, 1, 0, "kilometer,kilometre"},
    {"m", "length", 1, 1, 0, "meter,metre"},
    {"cm", "length", 1, 100, 0, "centimeter,centimetre"},
    {"mm", "length", 1, k10e3, 0, "millimeter,millimetre"},
    {"µm", "length", 1, k10e6, 0, "um,micrometer,micrometre,micron"},
    {"nm", "length", 1, k10e9, 0, "nanometer,nanometre"},
    {"in", "length", 254, 10'000, 0, "inch,inches"},
    {"ft", "length", 3048, 10'000, 0, "foot,feet"},
    {"yd", "length", 9144, 10'000, 0, "yard"},
    {"mi", "length", 1'609'344, 1000, 0, "mile"},
    {"nmi", "length", 1852, 1, 0, "nautical mile"},
    {"kg", "mass", 1000, 1, 0, "kilogram,kilogramme,kilo"},
    {"g", "mass", 1, 1, 0, "gram,gramme"},
    {"mg", "mass", 1, 1000, 0, "milligram"},
    {"t", "mass", k10e6, 1, 0, "tonne,metric ton"},
    {"lb", "mass", 45'359'237, 100'000, 0, "lbs,pound"},
    {"oz", "mass", 45'359'237, 1'600'000, 0, "ounce"},
    {"st", "mass", 45'359'237LL * 14, 100'000, 0, "stone"},
    {"K", "temperature", 1, 1, 0, "kelvin"},
    {"°C", "temperature", 1, 1, 27'315, "c,celsius,centigrade"},
    {"°F", "temperature", 5, 9, 45'967, "f,fahrenheit"},
    {"l", "volume", 1, 1, 0, "liter,litre"},
    {"dl", "volume", 1, 10, 0, "deciliter,decilitre"},
    {"cl", "volume", 1, 100, 0, "centiliter,centilitre"},
    {"ml", "volume", 1, 1000, 0, "milliliter,millilitre"},
    {"m³", "volume", 1000, 1, 0, "m3,cubic meter,cubic metre"},
    {"gal", "volume", 3'785'411'784, k10e9, 0, "gallon,us gallon"},
    {"qt", "volume", 3'785'411'784, 4 * k10e9, 0, "quart"},
    {"pt", "volume", 3'785'411'784, 8 * k10e9, 0, "pint"},
    {"cup", "volume", 3'785'411'784, 16 * k10e9, 0, ""},
    {"fl oz", "volume", 3'785'411'784, 128 * k10e9, 0, "fluid ounce"},
    {"tbsp", "volume", 3'785'411'784, 256 * k10e9, 0, "tablespoon"},
    {"tsp", "volume", 3'785'411'784, 768 * k10e9, 0, "teaspoon"},
    {"imp gal", "volume", 454'609, 100'000, 0, "imperial gallon"},
    {"imp pt", "volume", 454'609, 800'000, 0, "imperial pint"},
    {"km/h", "speed", 10, 36, 0,
     "kmh,kph,kilometer per hour,kilometers per hour,"
     "kilometre per hour,kilometres per hour"},
    {"m/s", "speed", 1, 1, 0, "meter per second,meters per second,metres per second"},
    {"mph", "speed", 1'609'344, 3'600'000, 0, "mi/h,mile per hour,miles per hour"},
    {"kn", "speed", 1852, 3600, 0, "kt,knot"},
    {"ft/s", "speed", 3048, 10'000, 0, "fps,foot per second,feet per second"},
    {"s", "time", 1, 1, 0, "sec,second"},
    {"ms", "time", 1, 1000, 0, "millisecond"},
    {"min", "time", 60, 1, 0, "minute"},
    {"h", "time", 3600, 1, 0, "hr,hour"},
    {"d", "time", 86'400, 1, 0, "day"},
    {"wk", "time", 604'800, 1, 0, "week"},
    {"yr", "time", 31'557'600, 1, 0, "year"},
    {"bit", "data size", 1, 1, 0, ""},
    {"kbit", "data size", k10e3, 1, 0, "kilobit"},
    {"Mbit", "data size", k10e6, 1, 0, "Mb,megabit"},
    {"Gbit", "data size", k10e9, 1, 0, "Gb,gigabit"},
    {"B", "data size", 8, 1, 0, "byte"},
    {"kB", "data size", 8 * k10e3, 1, 0, "kilobyte"},
    {"MB", "data size", 8 * k10e6, 1, 0, "megabyte"},
    {"GB", "data size", 8 * k10e9, 1, 0, "gigabyte"},
    {"TB", "data size", 8 * k10e12, 1, 0, "terabyte"},
    {"PB", "data size", 8 * k10e3* k10e12, 1, 0, "petabyte"},
    {"KiB", "data size", 8LL << 10U, 1, 0, "kibibyte"},
    {"MiB", "data size", 8LL << 20U, 1, 0, "mebibyte"},
    {"GiB", "data size", 8LL << 30U, 1, 0, "gibibyte"},
    {"TiB", "data size", 8LL << 40U, 1, 0, "tebibyte"},
};

template <class Equal>
bool has_name(const Unit& unit, std::string_view name, Equal equal) {
  if (equal(unit.symbol, name)) return true;
  for (std::string_view names = unit.names; !names.empty();) {
    const std::size_t end = std::min(names.find(','), names.size());
    if (equal(names.substr(0, end), name)) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

template <class Equal>
const Unit* find_by(std::string_view name, Equal equal) {
  for (const Unit& unit : kUnits)
    if (has_name(unit, name, equal)) return &unit;
  return nullptr;
}

bool as_written(std::string_view a, std::string_view b) { return a == b; }

std::optional<ExactNumber> parse_number(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != ',' || i == 0 || text.size() - i < 4) digits.push_back(text[i]);
  return ExactNumber::parse(digits);
}

}  // namespace

const Unit* find_unit(std::string_view name) {
  name = trim_end(trim(name), ".");
  if (const auto rest = after_any(name, {"degrees", "degree", "a", "an", "one"})) name = *rest;
  if (name.starts_with("°")) name = trim(name.substr(std::string_view("°").size()));
  if (name.empty()) return nullptr;
  if (const Unit* unit = find_by(name, as_written)) return unit;
  // Megabytes are written "mb" more often than megabits are, so bytes come before bits here.
  for (const std::string_view bytes : {"kB", "MB", "GB", "TB", "PB"})
    if (same(bytes, name)) return find_by(bytes, as_written);
  if (const Unit* unit = find_by(name, same)) return unit;
  if (name.size() > 3 && (name.back() == 's' || name.back() == 'S'))
    return find_by(name.substr(0, name.size() - 1), same);
  return nullptr;
}

tl::expected<ExactNumber, ToolError> convert(const ExactNumber& value, const Unit& from,
                                             const Unit& to) {
  if (from.dimension != to.dimension)
    return tl::unexpected(ToolError{
        "bad_arguments", std::string(from.symbol) + " measures " + std::string(from.dimension) +
                             ", " + std::string(to.symbol) + " " + std::string(to.dimension)});
  const ExactNumber base = (value + ExactNumber::fraction(from.offset_hundredths, 100)) *
                           ExactNumber::fraction(from.numerator, from.denominator);
  if (from.dimension == "temperature" && base.is_negative())
    return tl::unexpected(ToolError{"out_of_range", "that is below absolute zero"});
  return base * ExactNumber::fraction(to.denominator, to.numerator) -
         ExactNumber::fraction(to.offset_hundredths, 100);
}

std::optional<ExactNumber> parse_quantity(std::string_view text) {
  text = trim(text);
  if (text.starts_with("-") || text.starts_with("−")) {
    const auto positive = parse_quantity(text.substr(text.front() == '-' ? 1 : 3));
    if (!positive || positive->is_negative()) return std::nullopt;
    return -*positive;
  }
  if (is_any(text, {"half a", "half an", "half"})) return ExactNumber::fraction(1, 2);
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    const auto above = parse_number(trim(text.substr(0, slash)));
    const auto below = parse_number(trim(text.substr(slash + 1)));
    if (!above || !below || below->is_zero()) return std::nullopt;
    return *above / *below;
  }
  if (const auto number = parse_number(text)) return number;
  const auto count = parse_count(text);
  if (!count) return std::nullopt;
  return ExactNumber(*count);
}

}  // namespace signalbox::router
