//===- AttnLinearTileOps.td - A linear in tiles ---------------*- tablegen -*-===//
#ifndef HEED_IR_ATTNLINEARTILEOPS_TD
#define HEED_IR_ATTNLINEARTILEOPS_TD

class Attn_TileOp<string mnem, list<Trait> traits = []> : Attn_Op<mnem, traits>;
def Attn_Memory1D : MemRefRankOf<[AnyType], [1]>;

def Attn_TileRowsOp : Attn_TileOp<"tile_rows"> {
  let summary = "rows of x, through a prologue, packed for a matmul";
  let description = [{
    into[i, k] = prologue(x)[first + i, k] for first <= first + i < last; zeros up to the next multiple of `pad` rows.
    The region holds model ops on rows (a norm); its argument stands for x. `into` is [rows, in], dense.
  }];
  let arguments = (ins AnyRankedTensor:$x, Index:$first, Index:$last, Attn_Memory1D:$into, I64Attr:$pad);
  let regions = (region SizedRegion<1>:$prologue);
  let assemblyFormat = "$x `[` $first `to` $last `]` `into` $into $prologue attr-dict `:` type($x) `,` type($into)";
}

def Attn_TileMatmulOp : Attn_TileOp<"tile_matmul", [AttrSizedOperandSegments]> {
  let summary = "into = x W^T for a block of rows and of panels of 16 outputs";
  let description = [{
    into[i, j] = sum over k of x[i, k] * W[16 * first + j, k], k ascending, for 0 <= i < rows and the outputs of the panels
    first..last. x is [rows, in] as tile_rows packs it, `into` is [rows, 16 * block_panels] f32. The schedule's register tile
    and block_k apply. `next` is the byte of the weights' memory where this thread reads on afterwards: a row alone, which
    waits for memory, asks for it before its own panels end. A hint, any number will do.
    With `result`, [result_rows, 16 * panels of the weight] f32 from memory, products are written there, to its rows
    result_first <= row < result_last, and `into` holds sums that are not whole.
  }];
  let arguments = (ins Attn_Memory1D:$x, Index:$rows, Attn_WeightType:$weight, Index:$first, Index:$last, Index:$next,
                       Attn_Memory1D:$into, Attn_Memory1D:$scratch, Optional<AnyRankedTensor>:$result, Optional<Index>:$result_first,
                       Optional<Index>:$result_last, Attn_LinearScheduleAttr:$schedule);
  let assemblyFormat = [{ $x `rows` $rows `,` $weight `panels` $first `to` $last `next` $next `into` $into `scratch` $scratch
    (`result` $result^ `rows` $result_first `to` $result_last `:` type($result))? `,` $schedule
    attr-dict `:` type($x) `,` type($weight) `,` type($into) `,` type($scratch) }];
}

def Attn_TileEpilogueOp : Attn_TileOp<"tile_epilogue", [AttrSizedOperandSegments]> {
  let summary = "what follows linears, on a block of their products";
  let description = [{
    Product j holds rows first_row..last_row of columns 16*first_panel..16*last_panel of linear j, as [rows,
    16*block_panels] f32. The region is an epilogue whose arguments stand for the whole products; each value that it
    yields is stored to its place in `targets` (a tensor from memory, or a cache).
    C1: one region argument a product, one target a yielded value.
  }];
  let arguments = (ins Variadic<Attn_Memory1D>:$products, Index:$first_row, Index:$last_row, Index:$first_panel, Index:$last_panel,
                       Variadic<AnyType>:$targets, I64Attr:$block_panels, Attn_Memory1D:$scratch);
  let regions = (region SizedRegion<1>:$epilogue);
  let assemblyFormat = [{ $products `rows` $first_row `to` $last_row `panels` $first_panel `to` $last_panel `into` $targets
    `scratch` $scratch $epilogue attr-dict `:` type($scratch) (`,` type($products)^)? `->` type($targets) }];
  let hasVerifier = 1;
}

#endif
