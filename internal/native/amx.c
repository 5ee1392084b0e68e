// Products of float32 activations with weights as they lie in a file, on the
// tile registers of Intel AMX, which multiply bfloat16 and add in float32.
//
// A float32 is the sum of three bfloat16 to 2^-24, so float32 accuracy costs
// three products with a bf16 weight where the tiles are twenty times faster
// than float32 arithmetic: y = W hi(x) + W mid(x) + W lo(x), all added into the
// same float32 registers. Weights of 16 or 32 bits are split as well; of the
// products of parts those that lie below 2^-24 are left out.
//
// The weight is the left factor: 16 of its rows by 32 columns are a tile as
// they stand, while x, which is small, is brought into the layout of a right
// factor. The result comes out transposed and is turned on its way to memory.
//
// Every output is summed over the columns in one order, whatever else is
// computed beside it, so that a row's result depends on nothing but itself.
#include "amx.h"

#if defined(__linux__) && defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,f16c,amx-tile,amx-bf16")))
#define INLINE static inline __attribute__((always_inline)) TARGET

enum { tile = 512 }; // elements of a tile: 16 x 32 bfloat16, 1 KiB

int lc_amx_open(void) {
	unsigned a, b, c, d;
	const unsigned avx512 = 1u << 16 | 1u << 30 | 1u << 31; // F, BW, VL
	const unsigned amx = 1u << 22 | 1u << 24;               // BF16, TILE
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & avx512) != avx512 || (d & amx) != amx)
		return 0;
	if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & 1u << 5)) // AVX512_BF16
		return 0;
	if (!__get_cpuid_count(1, 0, &a, &b, &c, &d) || !(c & 1u << 27) || !(c & 1u << 29)) // OSXSAVE, F16C
		return 0;
	unsigned low, high;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	if ((low & 0x600e6) != 0x600e6) // SSE, AVX, three of AVX-512, two of AMX
		return 0;
	const int request_permission = 0x1023, tile_data = 18; // ARCH_REQ_XCOMP_PERM
	return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

// transpose turns 16 x 16 words in place.
INLINE void transpose(__m512i r[16]) {
	__m512i t[16];
	for (int i = 0; i < 8; i++) {
		t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
		t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
	}
	for (int i = 0; i < 4; i++) {
		r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
		r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
		r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
		r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
	}
	for (int i = 0; i < 4; i++) {
		t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
		t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
		t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
		t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
	}
	for (int i = 0; i < 8; i++) {
		r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
		r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
	}
}

// split takes the next bfloat16 part of 32 floats and leaves the rest in them.
INLINE __m512i split(__m512 *low, __m512 *high) {
	__m512i part = (__m512i)_mm512_cvtne2ps_pbh(*high, *low);
	__m512i lo16 = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(part));
	__m512i hi16 = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(part, 1));
	*low = _mm512_sub_ps(*low, _mm512_castsi512_ps(_mm512_slli_epi32(lo16, 16)));
	*high = _mm512_sub_ps(*high, _mm512_castsi512_ps(_mm512_slli_epi32(hi16, 16)));
	return part;
}

// first gives a mask of the first n of 16 lanes.
INLINE __mmask16 first(long n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1); }

// place is the offset of a column tile of a row tile, in tiles of one part.
INLINE long place(long row_tile, long row_tiles, long col_tile, long col_tiles) {
	const long before = col_tile / lc_chunk * lc_chunk;
	const long width = col_tiles - before < lc_chunk ? col_tiles - before : lc_chunk;
	return before * row_tiles + row_tile * width + col_tile % lc_chunk;
}

TARGET void lc_amx_pack_rows(const float *x, long stride, long at, long row_tiles, long col, long n, long cols, int parts, uint16_t *dst) {
	const long col_tiles = (cols + 31) / 32;
	for (long k = 0; k < n; k += 32) {
		__m512 low[16], high[16];
		for (int i = 0; i < 16; i++) {
			low[i] = _mm512_maskz_loadu_ps(first(n - k), x + i * stride + k);
			high[i] = _mm512_maskz_loadu_ps(first(n - k - 16), x + i * stride + k + 16);
		}
		uint16_t *d = dst + place(at, row_tiles, (col + k) / 32, col_tiles) * parts * tile;
		for (int p = 0; p < parts; p++, d += tile) {
			__m512i pairs[16]; // a row of 16 column pairs for every row of x
			for (int i = 0; i < 16; i++)
				pairs[i] = split(&low[i], &high[i]);
			transpose(pairs);
			for (int i = 0; i < 16; i++)
				_mm512_storeu_si512(d + i * 32, pairs[i]);
		}
	}
}

// pack_part packs 32 elements of a row of a weight, of which left are there.
INLINE void pack_part(const char *raw, int type, long left, uint16_t *dst) {
	const __mmask16 a = first(left), b = first(left - 16);
	__m512 low, high;
	if (type == lc_bf16) {
		_mm512_storeu_si512(dst, _mm512_maskz_loadu_epi16(a | (__mmask32)b << 16, raw));
		return;
	}
	if (type == lc_f16) {
		low = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(a, raw));
		high = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(b, raw + 32));
	} else {
		low = _mm512_maskz_loadu_ps(a, raw);
		high = _mm512_maskz_loadu_ps(b, raw + 64);
	}
	for (int p = 0; p <= type; p++)
		_mm512_storeu_si512(dst + p * tile, split(&low, &high));
}

TARGET void lc_amx_pack_weight(const void *raw, int type, long row, long n, long cols, long row_tiles, uint16_t *dst) {
	const long col_tiles = (cols + 31) / 32, size = type == lc_f32 ? 4 : 2;
	for (long r = 0; r < 32; r++) {
		const char *s = (const char *)raw + r * cols * size;
		for (long k = 0; k < col_tiles; k++) {
			uint16_t *d = dst + place((row + r) / 16, row_tiles, k, col_tiles) * (1 + type) * tile + r % 16 * 32;
			pack_part(s + k * 32 * size, type, r < n ? cols - k * 32 : 0, d);
		}
	}
}

// begin and end bracket the 2 x 2 tiles of sums at c, c + 256 (the second weight
// tile) and c + next (the second tile of x).
INLINE void begin(const float *c, long next, int zero) {
	if (zero) {
		_tile_zero(0);
		_tile_zero(1);
		_tile_zero(2);
		_tile_zero(3);
	} else {
		_tile_loadd(0, c, 64);
		_tile_loadd(1, c + next, 64);
		_tile_loadd(2, c + 256, 64);
		_tile_loadd(3, c + next + 256, 64);
	}
}

INLINE void end(float *c, long next) {
	_tile_stored(0, c, 64);
	_tile_stored(1, c + next, 64);
	_tile_stored(2, c + 256, 64);
	_tile_stored(3, c + next + 256, 64);
}

// quad adds to 2 x 2 tiles of sums the products of width column tiles of two
// weight tiles with two tiles of x.
INLINE void quad(const uint16_t *w0, const uint16_t *w1, long col, long stride, int w_parts,
                 const uint16_t *x0, const uint16_t *x1, int x_parts, long width) {
	for (long k = 0; k < width; k++, w0 += col, w1 += col, x0 += x_parts * tile, x1 += x_parts * tile)
		for (int j = 0; j < w_parts; j++) {
			_tile_loadd(4, w0 + j * tile, stride);
			_tile_loadd(5, w1 + j * tile, stride);
			for (int p = 0; p < x_parts && p + j < 3; p++) {
				_tile_loadd(6, x0 + p * tile, 64);
				_tile_loadd(7, x1 + p * tile, 64);
				_tile_dpbf16ps(0, 4, 6);
				_tile_dpbf16ps(1, 4, 7);
				_tile_dpbf16ps(2, 5, 6);
				_tile_dpbf16ps(3, 5, 7);
			}
		}
}

// The order of the work keeps two row tiles of x, of one chunk, in the first
// caches while they meet every row of the weight, and the sums of rows_at_once
// row tiles in the second.
enum { rows_at_once = 32 };

INLINE void sums(const uint16_t *w, long w_tiles, int w_parts, const uint16_t *x, long x_tiles, int x_parts, long col_tiles,
                 const int32_t *rows, long count, float *c) {
	const long next = w_tiles * 256;
	for (long from = 0; from < count; from += rows_at_once) {
		const long to = from + rows_at_once < count ? from + rows_at_once : count;
		for (long k = 0; k < col_tiles; k += lc_chunk) {
			const long width = col_tiles - k < lc_chunk ? col_tiles - k : lc_chunk;
			const uint16_t *wk = w + k * w_tiles * w_parts * tile, *xk = x + k * x_tiles * x_parts * tile;
			const long w_row = width * w_parts * tile, x_row = width * x_parts * tile;
			for (long m = from; m < to; m += 2) {
				const long odd = m + 1 < to; // a last tile without a partner is computed twice, in the same place
				const uint16_t *x0 = xk + rows[m] / 16 * x_row, *x1 = xk + rows[m + odd] / 16 * x_row;
				for (long n = 0; n < w_tiles; n += 2) {
					float *sum = c + m * next + n * 256;
					begin(sum, odd * next, k == 0);
					quad(wk + n * w_row, wk + (n + 1) * w_row, w_parts * tile, 64, w_parts, x0, x1, x_parts, width);
					end(sum, odd * next);
				}
			}
		}
	}
}

enum { x_cache = 1 << 19 }; // bytes of x to be held in the second-level cache

// sums_file reads the weight's rows as they lie, as long a part of each at a time
// as lets the same part of x stay in the second-level cache: what the processor
// then sees are a few steady streams, which it reads ahead of by itself.
INLINE void sums_file(const uint16_t *w, long w_tiles, long cols, const uint16_t *x, long x_tiles, int x_parts,
                      const int32_t *rows, long count, float *c) {
	const long next = w_tiles * 256, col_tiles = cols / 32;
	const long fits = x_cache / (count * x_parts * 1024 * lc_chunk), part = (fits < 1 ? 1 : fits) * lc_chunk;
	for (long from = 0; from < col_tiles; from += part) {
		const long to = from + part < col_tiles ? from + part : col_tiles;
		for (long n = 0; n < w_tiles; n += 2)
			for (long m = 0; m < count; m += 2) {
				const long odd = m + 1 < count;
				float *sum = c + m * next + n * 256;
				begin(sum, odd * next, from == 0);
				for (long k = from; k < to; k += lc_chunk) {
					const long width = col_tiles - k < lc_chunk ? col_tiles - k : lc_chunk;
					const uint16_t *xk = x + k * x_tiles * x_parts * tile, *wk = w + n * 16 * cols + k * 32;
					const long x_row = width * x_parts * tile;
					quad(wk, wk + 16 * cols, 32, cols * 2, 1, xk + rows[m] / 16 * x_row, xk + rows[m + odd] / 16 * x_row, x_parts, width);
				}
				end(sum, odd * next);
			}
	}
}

INLINE void configure(void) {
	struct {
		uint8_t palette, start, reserved[14];
		uint16_t bytes[16];
		uint8_t rows[16];
	} __attribute__((aligned(64))) config;
	memset(&config, 0, sizeof config);
	config.palette = 1;
	for (int i = 0; i < 8; i++) {
		config.bytes[i] = 64;
		config.rows[i] = 16;
	}
	__asm__ volatile("" ::"r"(&config) : "memory"); // gcc's intrinsic does not say that it reads the whole of it
	_tile_loadconfig(&config);
}

// turn brings the sums into rows of dst.
INLINE void turn(const float *c, long w_tiles, const int32_t *rows, long count, float *dst, long ldd, int add) {
	for (long m = 0; m < count; m++)
		for (long n = 0; n < w_tiles; n++, c += 256) {
			__m512i r[16];
			for (int i = 0; i < 16; i++)
				r[i] = _mm512_loadu_si512(c + 16 * i);
			transpose(r);
			float *d = dst + rows[m] * ldd + n * 16;
			for (int i = 0; i < 16; i++, d += ldd) {
				__m512 v = _mm512_castsi512_ps(r[i]);
				_mm512_storeu_ps(d, add ? _mm512_add_ps(_mm512_loadu_ps(d), v) : v);
			}
		}
}

// There is a loop for each usual number of parts, unrolled by the compiler.

TARGET void lc_amx_multiply(const uint16_t *w, long w_tiles, int w_parts, const uint16_t *x, long x_tiles, int x_parts, long cols,
                            const int32_t *rows, long count, float *scratch, float *dst, long ldd, int add) {
	const long col_tiles = (cols + 31) / 32;
	configure();
	if (w_parts == 1 && x_parts == 3)
		sums(w, w_tiles, 1, x, x_tiles, 3, col_tiles, rows, count, scratch);
	else if (w_parts == 1 && x_parts == 1)
		sums(w, w_tiles, 1, x, x_tiles, 1, col_tiles, rows, count, scratch);
	else
		sums(w, w_tiles, w_parts, x, x_tiles, x_parts, col_tiles, rows, count, scratch);
	_tile_release();
	turn(scratch, w_tiles, rows, count, dst, ldd, add);
}

TARGET void lc_amx_multiply_file(const uint16_t *w, long n, const uint16_t *x, long x_tiles, int x_parts, long cols,
                                 const int32_t *rows, long count, float *scratch, float *dst, long ldd, int add) {
	configure();
	if (x_parts == 3)
		sums_file(w, n / 16, cols, x, x_tiles, 3, rows, count, scratch);
	else
		sums_file(w, n / 16, cols, x, x_tiles, 1, rows, count, scratch);
	_tile_release();
	turn(scratch, n / 16, rows, count, dst, ldd, add);
}

#else

int lc_amx_open(void) { return 0; }
void lc_amx_pack_weight(const void *raw, int type, long row, long n, long cols, long row_tiles, uint16_t *dst) {}
void lc_amx_pack_rows(const float *x, long stride, long at, long row_tiles, long col, long n, long cols, int parts, uint16_t *dst) {}
void lc_amx_multiply(const uint16_t *w, long w_tiles, int w_parts, const uint16_t *x, long x_tiles, int x_parts, long cols,
                     const int32_t *rows, long count, float *scratch, float *dst, long ldd, int add) {}
void lc_amx_multiply_file(const uint16_t *w, long n, const uint16_t *x, long x_tiles, int x_parts, long cols,
                          const int32_t *rows, long count, float *scratch, float *dst, long ldd, int add) {}

#endif
