//===- Schedule.cpp - Tiles for every attention and linear ----------------===//
#include "ir/Axes.h"
#include "ir/Bands.h"
#include "ir/Bf16Parts.h"
#include "passes/Passes.h"
#include "passes/Remarks.h"
#include "passes/ScheduleFile.h"
#include "passes/TileCosts.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {
#define GEN_PASS_DEF_SCHEDULE
#include "passes/Passes.h.inc"

namespace {
constexpr llvm::StringLiteral Name = "schedule";

template <typename T> std::string text(T value) {
  std::string out;
  llvm::raw_string_ostream(out) << value;
  return out;
}

struct Schedule : impl::ScheduleBase<Schedule> {
  using ScheduleBase::ScheduleBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (numerics != "f32" && numerics != "bf16" && numerics != "bf16x6") {
      module.emitError() << "numerics are f32, bf16 or bf16x6, not "
                         << numerics;
      return signalPassFailure();
    }
    target = module->getAttrOfType<TargetAttr>("attn.target");
    if (!target) {
      module.emitError(
          "the module has no attn.target: for which machine is the schedule?");
      return signalPassFailure();
    }
    atom = chooseAtom(target, numerics);
    if (!atom) {
      module.emitError() << "target " << target.getName() << " has no atom for "
                         << numerics;
      return signalPassFailure();
    }
    if (!file.empty()) {
      FailureOr<ScheduleFile> read = readScheduleFile(&getContext(), file);
      if (failed(read))
        return signalPassFailure();
      given = *read;
    }
    llvm::StringSet<> names;
    forEachScheduled(module, [&](Operation *op, StringRef name) {
      names.insert(name);
      if (auto attention = dyn_cast<AttentionOp>(op))
        schedule(attention, name);
      else
        schedule(cast<FusedLinearOp>(op), name);
    });
    if (given.schedules)
      for (NamedAttribute entry : given.schedules)
        if (!names.contains(entry.getName()))
          refuse(entry.getName(), "the model has no op of this name");
    if (bad)
      signalPassFailure();
  }

  void schedule(AttentionOp op, StringRef name) {
    auto query = cast<RankedTensorType>(op.getQ().getType());
    int64_t head = axisSize(query, axis::Head);
    if (numerics == "bf16x6" && !query.getElementType().isBF16())
      declined(op, Name, "multiplied in f32: bf16x6 is for linears");
    // Tensors of bf16 are multiplied as they are.
    AtomAttr chosenAtom = orMultiplyAdd(
        op, query.getElementType().isBF16() ? chooseAtom(target, "bf16") : atom,
        head, target.getLanes());
    auto chosen = scheduleAttention(target, chosenAtom, head, isBanded(op));
    if (override(name, chosen)) {
      if (std::string why = whyUnusable(target, chosen); !why.empty())
        return refuse(name, why);
    }
    op.setScheduleAttr(chosen);
    found(op, Name, Twine(name) + ": " + text(chosen));
  }

  void schedule(FusedLinearOp op, StringRef name) {
    LinearShape shape = shapeOf(op);
    auto chosen = scheduleLinear(target, chooseAtomOf(op, shape), shape);
    if (override(name, chosen)) {
      if (std::string why = whyUnusable(target, chosen, shape); !why.empty())
        return refuse(name, why);
    }
    op.setScheduleAttr(chosen);
    found(op, Name, Twine(name) + ": " + text(chosen));
  }

  AtomAttr chooseAtomOf(FusedLinearOp op, const LinearShape &shape) {
    if (numerics == "bf16x6")
      return chooseInParts(op, shape);
    AtomAttr wanted = atom, f16 = target.findAtom(kAmxF16);
    // Weights of f16 then keep all their bits, and lie as they are read.
    if (numerics == "bf16" && f16 && shape.inF16 &&
        f16.getRate() > target.findAtom("fma_f32").getRate())
      wanted = f16;
    return chooseLinearAtom(target, orMultiplyAdd(op, wanted, shape.depth, 2),
                            {}, shape);
  }

  AtomAttr chooseInParts(FusedLinearOp op, const LinearShape &shape) {
    SmallVector<AtomAttr, 2> inParts;
    if (AtomAttr two = atomInParts(target, kAmxInTwoF16); two && shape.inF16)
      inParts.push_back(two);
    if (AtomAttr parts = atomInParts(target, kAmxInParts))
      inParts.push_back(parts);
    if (inParts.empty()) {
      declined(op, Name, "multiplied in f32: bf16x6 needs AMX");
      return chooseLinearAtom(target, atom, {}, shape);
    }
    AtomAttr first = inParts.front();
    if (orMultiplyAdd(op, first, shape.depth, 2) != first)
      return atom;
    AtomAttr chosen = chooseLinearAtom(target, atom, inParts, shape);
    if (chosen == atom)
      declined(op, Name,
               "multiplied in f32: at " + Twine(first.getRate()) +
                   " GFLOP/s, " +
                   Twine(int64_t(productCost(first.getKind(), shape).times)) +
                   " products of " + first.getKind().getValue() +
                   " for one are no faster than multiply-adds at " +
                   Twine(atom.getRate()));
    return chosen;
  }

  /// Atoms of bf16 and f16 multiply pairs, `least` numbers of them at once:
  /// other depths are left to multiply-adds.
  AtomAttr orMultiplyAdd(Operation *op, AtomAttr wanted, int64_t depth,
                         int64_t least) {
    if (!wanted.getKind().getValue().contains("f16") ||
        (depth % 2 == 0 && depth >= least))
      return wanted;
    declined(op, Name,
             "multiplied in f32, at half the rate: sums of " + Twine(depth) +
                 " products are no pairs for " + wanted.getKind().getValue() +
                 (least > 2 ? ", of " + Twine(least) + " and more" : Twine()));
    return target.findAtom("fma_f32");
  }

  /// Takes the file's schedule for this op; true when it has one.
  template <typename T> bool override(StringRef name, T &chosen) {
    Attribute entry = given.schedules ? given.schedules.get(name) : Attribute();
    if (!entry)
      return false;
    auto schedule = dyn_cast<T>(entry);
    if (!schedule) {
      refuse(name, "a schedule of this op is written " + text(chosen) +
                       ", not " + text(entry));
      return false;
    }
    chosen = schedule;
    return true;
  }

  void refuse(StringRef name, const Twine &why) {
    emitError(given.placeOf(name)) << "schedule `" << name << "`: " << why;
    bad = true;
  }

  TargetAttr target;
  AtomAttr atom;
  ScheduleFile given; // nothing where there is no file
  bool bad = false;
};
} // namespace
} // namespace heed
