//===- Arena.cpp - Where a function's tensors lie -------------------------===//
#include "codegen/Arena.h"

#include "codegen/ScoreAxes.h"
#include "ir/Views.h"

using namespace mlir;
using namespace heed::attn;

namespace heed {

FunctionArena::Region &FunctionArena::regionOf(ArrayRef<StringAttr> axes) {
  for (Region &region : all)
    if (ArrayRef(region.axes) == axes)
      return region;
  all.push_back({SmallVector<StringAttr>(axes), 0});
  return all.back();
}

FunctionArena::FunctionArena(func::FuncOp function) {
  Block &body = function.getBody().front();
  auto names = scoreAxes(function->getParentOfType<ModuleOp>());
  for (auto [number, value] :
       llvm::enumerate(body.getTerminator()->getOperands()))
    if (Value root = viewRoot(value);
        isa<RankedTensorType>(root.getType()) && root.getDefiningOp())
      destinations.try_emplace(root, number);
  for (Operation &op : body.without_terminator()) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      continue; // lies in the program
    auto plan = op.getAttrOfType<ArrayAttr>("attn.buffers");
    for (OpResult result : op.getResults()) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type || isView(&op) || destinations.contains(result))
        continue;
      BufferAttr buffer;
      if (auto single = op.getAttrOfType<BufferAttr>("attn.buffer"))
        buffer = single;
      else if (plan)
        buffer = dyn_cast<BufferAttr>(plan[result.getResultNumber()]);
      SmallVector<StringAttr> axes;
      if (buffer)
        axes.assign(buffer.getAxes().getNames().begin(),
                    buffer.getAxes().getNames().end());
      int64_t bytes = type.getElementTypeBitWidth() / 8;
      for (auto [name, size] : llvm::zip(axisNames(type), type.getShape()))
        if (!ShapedType::isDynamic(size))
          bytes *= size;
        else if (!buffer)
          axes.push_back(name);
      bytes = llvm::alignTo(bytes, axes.size() > 1 ? 4 : 64);
      for (StringAttr &axis : axes)
        if (StringAttr elsewhere = names.lookup(axis))
          axis = elsewhere;
      Region &region = regionOf(axes);
      unsigned number = &region - all.data();
      int64_t offset = buffer ? buffer.getOffset() : region.bytes;
      region.bytes = std::max(region.bytes, offset + bytes);
      places[result] = {number, offset};
    }
  }
}

Value FunctionArena::units(Emit &e, const Region &region,
                           const AxisSizes &sizes) const {
  Value product = e.index(1);
  for (StringAttr axis : region.axes)
    product = e.mul(product, sizes(axis));
  return product;
}

Value FunctionArena::startOf(Emit &e, unsigned number,
                             const AxisSizes &sizes) const {
  Value at = e.index(0);
  for (const Region &region : llvm::ArrayRef(all).take_front(number))
    at = e.add(at, e.mul(units(e, region, sizes), region.bytes));
  return at;
}

Value FunctionArena::view(Emit &e, OpResult result, const CallContext &context,
                          const AxisSizes &sizes) const {
  const Place &place = places.find(result)->second;
  auto type = cast<RankedTensorType>(result.getType());
  Value n = units(e, all[place.region], sizes);
  Value at = e.add(startOf(e, place.region, sizes), e.mul(n, place.offset));
  int64_t fixed = 1;
  for (int64_t size : type.getShape())
    fixed *= ShapedType::isDynamic(size) ? 1 : size;
  return e.view(context.arena, at, type.getElementType(), e.mul(n, fixed));
}

Value FunctionArena::calleeArena(Emit &e, const CallContext &context,
                                 const AxisSizes &sizes) const {
  Value at = startOf(e, all.size(), sizes);
  return e.view(context.arena, at, e.b.getI8Type(),
                e.sub(e.sizeOf(context.arena), at));
}

std::optional<unsigned> FunctionArena::destinationOf(OpResult result) const {
  auto it = destinations.find(result);
  return it == destinations.end() ? std::nullopt
                                  : std::optional<unsigned>(it->second);
}

} // namespace heed
