// Products on the tile registers of Intel AMX. See amx.c.
#ifndef LAYERCLUST_AMX_H
#define LAYERCLUST_AMX_H

#include <stdint.h>

enum { lc_bf16, lc_f16, lc_f32 }; // element types of a weight in a file

// lc_amx_open says whether processor and system let this process use AMX.
int lc_amx_open(void);

// lc_amx_pack_weight packs rows x cols elements of a file, row by row, as tiles
// [row tile][col tile][part][16 x 32], zeros where there are no elements. Row
// tiles come in pairs. A part is a bfloat16; bf16 weights have one, f16 two and
// f32 three, whose sum is the weight to the last bit (f32: to 2^-24).
void lc_amx_pack_weight(const void *raw, int type, long rows, long cols, uint16_t *dst);

// lc_amx_pack_rows packs 16 rows of x, stride floats apart, as tiles
// [col tile][part][16 col pairs x 16 rows], which begin at dst.
void lc_amx_pack_rows(const float *x, long stride, long cols, int parts, uint16_t *dst);

// lc_amx_multiply writes, or adds where add is set, the product of rows of x with
// all weight rows to dst (rows, ldd). rows lists the first row of every 16 that
// take part. scratch holds count * row_tiles * 256 floats.
void lc_amx_multiply(const uint16_t *w, long row_tiles, long col_tiles, int w_parts,
                     const uint16_t *x, int x_parts, const int32_t *rows, long count,
                     float *scratch, float *dst, long ldd, int add);

#endif
