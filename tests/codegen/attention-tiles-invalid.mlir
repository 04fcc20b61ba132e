// What the tile ops of attention check of themselves.
// RUN: heed-opt %s -split-input-file -verify-diagnostics

func.func @c1(%q: memref<?x1x64xf32>, %row: index, %rows: index, %qt: memref<32x48xf32>) {
  // expected-error @below {{C1: the tile 'memref<32x48xf32>' is not for heads of 'memref<?x1x64xf32>'}}
  attn.tile_load_queries %q[%row for %rows] by 1.0 into %qt lanes 16 : memref<?x1x64xf32> to memref<32x48xf32>
  return
}

// -----

func.func @c1_lanes(%o: memref<64x40xf32>, %l: memref<40xf32>, %out: memref<?x1x64xf32>, %row: index, %rows: index) {
  // expected-error @below {{C1: the tile 'memref<64x40xf32>' is not in whole vectors of 16 lanes}}
  attn.tile_store %o, %l into %out[%row for %rows] lanes 16 : memref<64x40xf32>, memref<40xf32> to memref<?x1x64xf32>
  return
}

// -----

func.func @c1_scores(%qt: memref<64x16xf32>, %k: memref<?x32xf32>, %from: index, %n: index, %mx: memref<16xf32>, %s: memref<128x16xf32>) {
  // expected-error @below {{C1: 'memref<64x16xf32>', 'memref<?x32xf32>', 'memref<16xf32>' and 'memref<128x16xf32>' do not fit}}
  attn.tile_scores %qt, %k[%from for %n] max %mx into %s key_tile 8 lanes 16
    : memref<64x16xf32>, memref<?x32xf32>, memref<16xf32> to memref<128x16xf32>
  return
}

// -----

func.func @c2(%qt: memref<64x16xf32>, %k: memref<?x64xf32>, %from: index, %n: index, %mx: memref<16xf32>, %s: memref<128x16xf32>) {
  // expected-error @below {{C2: a region uses q but no positions are given}}
  attn.tile_scores %qt, %k[%from for %n] max %mx into %s mask {
  ^bb0(%q: index, %kv: index):
    %allowed = arith.cmpi sge, %q, %kv : index
    attn.yield %allowed : i1
  } key_tile 8 lanes 16 : memref<64x16xf32>, memref<?x64xf32>, memref<16xf32> to memref<128x16xf32>
  return
}

// -----

func.func @c3(%qt: memref<64x16xf32>, %k: memref<?x64xf32>, %from: index, %n: index, %mx: memref<16xf32>, %s: memref<128x16xf32>) {
  // expected-error @below {{C3: `full` needs a lower and an upper bound for each range}}
  attn.tile_scores %qt, %k[%from for %n] max %mx into %s full(%from) key_tile 8 lanes 16
    : memref<64x16xf32>, memref<?x64xf32>, memref<16xf32> to memref<128x16xf32>
  return
}

// -----

func.func @c4(%qt: memref<32x32xbf16>, %k: memref<?x64xf32>, %from: index, %n: index, %mx: memref<16xf32>, %s: memref<128x16xf32>) {
  // expected-error @below {{C4: 'memref<32x32xbf16>' and 'memref<?x64xf32>' are not what the atom multiplies}}
  attn.tile_scores %qt, %k[%from for %n] max %mx into %s atom "dpbf16" key_tile 8 lanes 16
    : memref<32x32xbf16>, memref<?x64xf32>, memref<16xf32> to memref<128x16xf32>
  return
}

// -----

func.func @c4_f32(%qt: memref<64x16xf32>, %k: memref<?x64xbf16>, %from: index, %n: index, %mx: memref<16xf32>, %s: memref<128x16xf32>) {
  // expected-error @below {{C4: 'memref<64x16xf32>' and 'memref<?x64xbf16>' are not what the atom multiplies}}
  attn.tile_scores %qt, %k[%from for %n] max %mx into %s key_tile 8 lanes 16
    : memref<64x16xf32>, memref<?x64xbf16>, memref<16xf32> to memref<128x16xf32>
  return
}
