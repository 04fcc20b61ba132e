// The tile ops of attention become loops over 1-D vectors: 4 keys by 3 vectors of rows by two chains of features are 24
// accumulators, carried as separate vectors; the mask stands behind a test for tiles that lie in a full range.
// RUN: heed-opt %s --attn-lower-attention-tiles | FileCheck %s
// Tile ops print and parse back.
// RUN: heed-opt %s | heed-opt | FileCheck %s --check-prefix=TILED

!k = memref<?x64xf32, strided<[64, 1], offset: ?>>

// TILED-LABEL: func.func @scores
// TILED: attn.tile_scores %{{.*}}, %{{.*}}[%{{.*}} for %{{.*}}] max %{{.*}} into %{{.*}} full(%{{.*}}, %{{.*}}) positions %{{.*}} : memref<48xi32> mask {
// TILED: key_tile 8 lanes 16 : memref<64x48xf32>

// CHECK-LABEL: func.func @scores
// CHECK-NOT: attn.tile
// The whole tiles: loops over features with 24 sums, of all steps but the last, which go to S, and of the last; then
// the chains are added.
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>) {
// CHECK: scf.for
// CHECK: %{{.*}}:24 = scf.for
// CHECK-COUNT-24: math.fma
// CHECK: scf.yield
// CHECK-COUNT-12: arith.addf
// CHECK: %{{.*}}:12 = scf.if
// CHECK-COUNT-12: vector.store
// CHECK: %{{.*}}:24 = scf.for
// CHECK-COUNT-3: vector.load
// CHECK: memref.load
// CHECK-NEXT: vector.broadcast
// CHECK-COUNT-24: math.fma
// CHECK: scf.yield
// The mask: positions of the rows against the key, in lanes.
// CHECK: scf.if {{.*}} -> (vector<16xf32>,
// CHECK: arith.cmpi sge, %{{.*}}, %{{.*}} : vector<16xi32>
// CHECK-NEXT: arith.select %{{.*}} : vector<16xi1>, vector<16xf32>
// Keys that fill no tile, one by one: two sums a vector.
// CHECK: %{{.*}}:6 = scf.for
// CHECK-COUNT-6: math.fma
// CHECK-NOT: math.fma
func.func @scores(%qt: memref<64x48xf32>, %k: !k, %from: index, %count: index, %mx: memref<48xf32>, %s: memref<128x48xf32>,
                  %lo: index, %hi: index, %positions: memref<48xi32>) {
  attn.tile_scores %qt, %k[%from for %count] max %mx into %s full(%lo, %hi) positions %positions : memref<48xi32> mask {
  ^bb0(%q: index, %kv: index):
    %allowed = arith.cmpi sge, %q, %kv : index
    attn.yield %allowed : i1
  } key_tile 8 lanes 16 : memref<64x48xf32>, !k, memref<48xf32> to memref<128x48xf32>
  return
}

// One scalef a weight; no call, no select of -infinity.
// CHECK-LABEL: func.func @softmax
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// CHECK: scf.for
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// CHECK-NOT: llvm.call_intrinsic
// CHECK: return
func.func @softmax(%s: memref<128x16xf32>, %count: index, %m: memref<16xf32>, %mx: memref<16xf32>, %l: memref<16xf32>,
                   %alpha: memref<16xf32>) {
  attn.tile_softmax %s[%count] state %m, %mx, %l alpha %alpha key_tile 8 lanes 16 : memref<128x16xf32>, memref<16xf32>
  return
}

// A head of 20 is two tiles of 8 features and one of 4, in two chains of keys side by side.
// CHECK-LABEL: func.func @combine
// CHECK: scf.for
// CHECK: %{{.*}}:8 = scf.for
// CHECK: %{{.*}}:8 = scf.for
// CHECK-COUNT-8: math.fma
// A key that is left, then the outputs.
// CHECK: %{{.*}}:8 = scf.for
// CHECK-COUNT-8: math.fma
// CHECK-NOT: math.fma
func.func @combine(%p: memref<128x16xf32>, %v: memref<?x20xf32>, %from: index, %count: index, %alpha: memref<16xf32>,
                   %o: memref<20x16xf32>) {
  attn.tile_combine %p, %v[%from for %count] alpha %alpha into %o head_tile 8 lanes 16
    : memref<128x16xf32>, memref<?x20xf32>, memref<16xf32> to memref<20x16xf32>
  return
}

// Three rows, keys in lanes: four features of each row in a vector, the same of a key for all of them; 16 sums become
// four vectors of keys, six shuffles each.
// CHECK-LABEL: func.func @few_rows
// CHECK: %{{.*}}:16 = scf.for
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
// CHECK-COUNT-24: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: vector.reduction <maxnumf>
func.func @few_rows(%qt: memref<16x16xf32>, %k: !k, %from: index, %count: index, %mx: memref<3xf32>, %s: memref<3x144xf32>) {
  attn.tile_scores %qt, %k[%from for %count] max %mx into %s key_tile 16 lanes 16 {attn.keys_in_lanes = 3 : i64}
    : memref<16x16xf32>, !k, memref<3xf32> to memref<3x144xf32>
  return
}

// In pairs: 24 sums once more, four pairs of features a turn; the base is where k's first row lies.
// CHECK-LABEL: func.func @scores_in_pairs
// CHECK: %{{.*}}:24 = scf.for
// CHECK-COUNT-96: llvm.x86.avx512bf16.dpbf16ps.512
// CHECK: scf.yield
func.func @scores_in_pairs(%qt: memref<32x96xbf16>, %kp: memref<128x64xbf16>, %from: index, %count: index, %base: index,
                           %mx: memref<48xf32>, %s: memref<128x48xf32>) {
  attn.tile_scores %qt, %kp[%from for %count] max %mx into %s base %base atom "dpbf16" key_tile 8 lanes 16
    : memref<32x96xbf16>, memref<128x64xbf16>, memref<48xf32> to memref<128x48xf32>
  return
}

// Weights become pairs of keys, and what is stored is summed.
// CHECK-LABEL: func.func @softmax_in_pairs
// CHECK-COUNT-6: llvm.x86.avx512bf16.cvtne2ps2bf16.512
// CHECK: scf.yield
func.func @softmax_in_pairs(%s: memref<128x48xf32>, %p: memref<64x96xbf16>, %count: index, %m: memref<48xf32>, %mx: memref<48xf32>,
                            %l: memref<48xf32>, %alpha: memref<48xf32>) {
  attn.tile_softmax %s[%count] state %m, %mx, %l alpha %alpha by 0.18 into %p : memref<64x96xbf16> key_tile 8 lanes 16
    : memref<128x48xf32>, memref<48xf32>
  return
}

// Tiles: two by two sums, four loads and four products a step.
// CHECK-LABEL: func.func @combine_on_tiles
// CHECK: %{{.*}}:4 = scf.for {{.*}} -> (!llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx)
// CHECK-COUNT-4: llvm.x86.tileloadd64.internal
// CHECK-COUNT-4: llvm.x86.tdpbf16ps.internal
// CHECK: scf.yield
// CHECK-COUNT-4: llvm.x86.tilestored64.internal
func.func @combine_on_tiles(%v: memref<?x64xf32, strided<[64, 1], offset: ?>>, %vt: memref<64x128xbf16>, %p: memref<64x64xbf16>,
                            %from: index, %count: index, %alpha: memref<32xf32>, %o: memref<64x32xf32>) {
  attn.tile_pack_values %v[%from for %count] into %vt atom "amx_bf16" lanes 16
    : memref<?x64xf32, strided<[64, 1], offset: ?>> to memref<64x128xbf16>
  attn.tile_combine %p, %vt[%from for %count] alpha %alpha into %o atom "amx_bf16" head_tile 32 lanes 16
    : memref<64x64xbf16>, memref<64x128xbf16>, memref<32xf32> to memref<64x32xf32>
  return
}

// Without an atom: rows of bf16 become f32, four vectors of a head of 64; the line that the next block begins with is
// asked for.
// CHECK-LABEL: func.func @pack_as_f32
// CHECK: scf.for
// CHECK-COUNT-2: memref.prefetch
// CHECK-COUNT-4: arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
// CHECK-NOT: arith.extf
func.func @pack_as_f32(%k: memref<?x64xbf16, strided<[64, 1], offset: ?>>, %from: index, %count: index, %kp: memref<128x64xf32>) {
  attn.tile_pack_keys %k[%from for %count] into %kp lanes 16
    : memref<?x64xbf16, strided<[64, 1], offset: ?>> to memref<128x64xf32>
  return
}

// Outputs of bf16 are rounded by integers, four rows at a time, but where an atom has an instruction for it.
// CHECK-LABEL: func.func @store_in_bf16
// CHECK-NOT: arith.truncf
// CHECK-COUNT-4: arith.cmpf uno
// CHECK-NOT: arith.cmpf uno
// CHECK-COUNT-4: arith.truncf
// CHECK-NOT: arith.truncf
func.func @store_in_bf16(%o: memref<64x16xf32>, %l: memref<16xf32>, %out: memref<?x1x64xbf16>, %row: index, %rows: index) {
  attn.tile_store %o, %l into %out[%row for %rows] lanes 16 : memref<64x16xf32>, memref<16xf32> to memref<?x1x64xbf16>
  attn.tile_store %o, %l into %out[%row for %rows] lanes 16 {attn.atom = "dpbf16"}
    : memref<64x16xf32>, memref<16xf32> to memref<?x1x64xbf16>
  return
}
