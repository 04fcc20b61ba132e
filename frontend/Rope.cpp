//===- Rope.cpp - How a rope is stretched to longer contexts --------------===//
#include "frontend/Rope.h"

#include <cmath>
#include <numbers>

using namespace heed;

/// Frequencies whose wavelength is short against the original context stay,
/// long ones are divided by the factor, those between are blended.
static double llama3(double frequency, double factor, double low, double high,
                     double original) {
  double wavelength = 2 * std::numbers::pi / frequency;
  if (wavelength < original / high)
    return 1;
  if (wavelength > original / low)
    return 1 / factor;
  double smooth = (original / wavelength - low) / (high - low);
  return (1 - smooth) / factor + smooth;
}

/// The pair that turns `rotations` times over the original context.
static double yarnPair(double rotations, double theta, double dims,
                       double original) {
  return dims * std::log(original / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(theta));
}

std::optional<RopeScaling> heed::readRopeScaling(const Node &node, double theta,
                                                 int64_t dims,
                                                 const ExprNames &names,
                                                 Diagnostics &diags) {
  if (!node.isMap()) {
    diags.error(node.at, "expected `{kind: linear, factor: …}`, found " +
                             node.describe());
    return std::nullopt;
  }
  Fields fields(diags, names, "`scaling`", node.at);
  fields.add(node);
  enum { Linear, Llama3, Yarn };
  auto kind = fields.choice("kind", {"linear", "llama3", "yarn"}, true);
  auto factor = fields.number("factor", true);
  std::optional<double> original, low, high;
  if (kind && *kind != Linear)
    original = fields.number("original", true);
  if (kind == Llama3) {
    low = fields.number("low", true);
    high = fields.number("high", true);
  }
  RopeScaling scaling;
  if (kind == Yarn) {
    high = fields.number("fast").value_or(32);
    low = fields.number("slow").value_or(1);
    scaling.attention = fields.number("attention")
                            .value_or(factor ? 0.1 * std::log(*factor) + 1 : 1);
  }
  fields.finish();
  if (!kind || !factor || (*kind != Linear && (!original || !low || !high)))
    return std::nullopt;
  if (*factor < 1 ||
      (original && (*original <= 0 || *low <= 0 || *high <= *low))) {
    diags.error(node.at,
                "expected `factor` of at least 1, positive `original`, "
                "and the lower bound below the upper");
    return std::nullopt;
  }
  double from = 0, upTo = 0;
  if (*kind == Yarn) {
    from = std::max(std::floor(yarnPair(*high, theta, dims, *original)), 0.0);
    upTo = std::min(std::ceil(yarnPair(*low, theta, dims, *original)),
                    double(dims - 1));
    if (upTo == from)
      upTo += 0.001;
  }
  for (int64_t pair = 0; pair < dims / 2; ++pair) {
    double frequency = std::pow(theta, -2.0 * pair / dims);
    double ramp = std::clamp((pair - from) / (upTo - from), 0.0, 1.0);
    scaling.factors.push_back(
        *kind == Linear   ? 1 / *factor
        : *kind == Llama3 ? llama3(frequency, *factor, *low, *high, *original)
                          : ramp / *factor + (1 - ramp));
  }
  return scaling;
}
