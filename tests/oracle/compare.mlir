// The comparison sees a difference, in numbers, in what is absent, and says where.
// RUN: heed-oracle %s --compare canonicalize --runs 2 --sizes W=2 | FileCheck %s
// RUN: sed -e 's/by 2.0/by 2.0001/' -e 's/"q - kv >= 0"/"kv - q >= 0"/' %s > %t.mlir
// RUN: not heed-oracle %s --compare-with %t.mlir --sizes W=2 | FileCheck %s --check-prefix=OTHER
// RUN: heed-oracle %s --compare-with %t.mlir --function scale --tolerance 1e-3 | FileCheck %s --check-prefix=LAX
// RUN: not heed-oracle %s --print --function named 2>&1 | FileCheck %s --check-prefix=SYMBOL
// RUN: not heed-oracle %s --function nothing 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: not heed-oracle %s --sizes W=x 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: not heed-oracle %s --function scale --inputs nope=%s 2>&1 | FileCheck %s --check-prefix=ARGUMENT

!s = tensor<?x?xf32, #attn.axes<[q, kv]>>

// CHECK: scale: seed 1, largest difference 0
// CHECK: masked: seed 1, largest difference 0
// CHECK: named: seed 1, largest difference 0
// CHECK: scale: seed 2, largest difference 0
// OTHER: scale: seed 1, largest difference {{.*}}e-05: NOT EQUAL
// OTHER: masked: seed 1, largest difference inf: NOT EQUAL
// OTHER: named: seed 1, largest difference 0{{$}}
// LAX: scale: seed 1, largest difference {{[^:]*$}}
func.func @scale(%x: !s) -> !s {
  %y = attn.scale %x by 2.0 : !s
  return %y : !s
}

func.func @masked(%x: tensor<2x2xf32, #attn.axes<[q, kv]>>) -> tensor<2x2xf32, #attn.axes<[q, kv]>> {
  %y = attn.mask %x where <(q, kv) : "q - kv >= 0"> : tensor<2x2xf32, #attn.axes<[q, kv]>>
  return %y : tensor<2x2xf32, #attn.axes<[q, kv]>>
}

// SYMBOL: error: 'attn.mask' op the mask's symbol `W` has no value
func.func @named(%x: !s) -> !s {
  %y = attn.mask %x where <(q, kv)[W] : "q - kv - W >= 0"> : !s
  return %y : !s
}

// NOTHING: heed-oracle: no function to evaluate
// OPTION: heed-oracle: cannot read `W=x`
// ARGUMENT: has no argument `nope`
