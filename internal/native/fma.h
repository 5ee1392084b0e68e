// Products in float32 arithmetic on AVX-512 or AVX2. See fma.c.
#ifndef LAYERCLUST_FMA_H
#define LAYERCLUST_FMA_H

#include <stdint.h>

// lc_fma_bits is the vector length that processor and system offer: 512, 256, or
// 0 where there is not even AVX2 with FMA.
int lc_fma_bits(void);

// lc_fma_pack_rows packs n columns of 16 rows of x, stride floats apart, as
// [col][16 rows].
void lc_fma_pack_rows(const float *x, long stride, long n, float *dst);

// Columns are multiplied lc_fma_chunk at a time.
enum { lc_fma_chunk = 256 };

// lc_fma_multiply writes, or adds where add is set, the product of rows of x with
// n rows of a weight, as a file has them, to dst (rows, ldd), ldd a multiple of 16
// that holds n. type is one of amx.h's. rows lists the first row of every 16 that
// take part; x has all of them, [row / 16][col][16]. w holds lc_fma_chunk floats
// for each of n rows, c 16 for each of ldd in each of count row tiles.
void lc_fma_multiply(int bits, const void *raw, int type, long n, long cols, const float *x,
                     const int32_t *rows, long count, float *w, float *c, float *dst, long ldd, int add);

#endif
