// Products on the tile registers of Intel AMX. See amx.c.
#ifndef LAYERCLUST_AMX_H
#define LAYERCLUST_AMX_H

#include <stdint.h>

enum { lc_bf16, lc_f16, lc_f32 }; // element types of a weight in a file

// lc_amx_open says whether processor and system let this process use AMX.
int lc_amx_open(void);

// Columns are packed in chunks of lc_chunk column tiles, so that what is
// multiplied at a time lies together.
enum { lc_chunk = 16 };

// lc_amx_pack_weight packs 32 rows of a weight, of which the file has the first
// n, from row on: n x cols elements of a file, row by row, into tiles
// [chunk][row tile][col tile of the chunk][part][16 x 32], zeros where there are
// no elements, of a block of row_tiles row tiles. A part is a bfloat16; bf16
// weights have one, f16 two and f32 three, whose sum is the weight.
void lc_amx_pack_weight(const void *raw, int type, long row, long n, long cols, long row_tiles, uint16_t *dst);

// lc_amx_pack_rows packs 16 rows of x, stride floats apart, as columns
// [col, col + n) of row tile `at` of row_tiles:
// [chunk][row tile][col tile of the chunk][part][16 col pairs x 16 rows].
void lc_amx_pack_rows(const float *x, long stride, long at, long row_tiles, long col, long n, long cols, int parts, uint16_t *dst);

// lc_amx_multiply writes, or adds where add is set, the product of rows of x
// (x_tiles row tiles) with all rows of w (w_tiles, an even number) to dst (rows,
// ldd). rows lists the first row of every 16 that take part. scratch holds
// count * w_tiles * 256 floats.
void lc_amx_multiply(const uint16_t *w, long w_tiles, int w_parts, const uint16_t *x, long x_tiles, int x_parts, long cols,
                     const int32_t *rows, long count, float *scratch, float *dst, long ldd, int add);

// lc_amx_multiply_file is lc_amx_multiply for a bf16 weight as it lies in the
// file, n rows of cols elements, both multiples of 32.
void lc_amx_multiply_file(const uint16_t *w, long n, const uint16_t *x, long x_tiles, int x_parts, long cols,
                          const int32_t *rows, long count, float *scratch, float *dst, long ldd, int add);

#endif
