// Products in float32 for processors without AMX.
//
// The activations are the vectors: 16 rows of one column lie together, so that an
// element of the weight is loaded once into all lanes and meets 16 or 32 rows.
// The weight is widened to float32 a chunk of columns at a time, just before it is
// used, and neither it nor the activations are rearranged more than once.
//
// Every output is summed over the columns of a chunk in a register, and over the
// chunks in memory: shorter sums round less, and the order is the same whatever
// else is computed beside it.
#include "fma.h"

#include "amx.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX512 __attribute__((target("avx512f,avx2,fma,f16c")))

enum { chunk = lc_fma_chunk };

int lc_fma_bits(void) {
	unsigned a, b, c, d;
	const unsigned wanted = 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29; // FMA, OSXSAVE, AVX, F16C
	if (!__get_cpuid_count(1, 0, &a, &b, &c, &d) || (c & wanted) != wanted)
		return 0;
	unsigned low, high;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	if ((low & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1u << 5))
		return 0;
	return (low & 0xe6) == 0xe6 && b & 1u << 16 ? 512 : 256;
}

void lc_fma_pack_rows(const float *x, long stride, long n, float *dst) {
	for (long k = 0; k < n; k++)
		for (long r = 0; r < 16; r++)
			dst[k * 16 + r] = x[r * stride + k];
}

// widen brings columns [from, from + width) of n rows of a weight into w (n, chunk).
INLINE AVX2 void widen(const char *raw, int type, long n, long cols, long from, long width, float *w) {
	const long size = type == lc_f32 ? 4 : 2;
	for (long r = 0; r < n; r++, w += chunk) {
		const char *s = raw + (r * cols + from) * size;
		long k = 0;
		for (long ahead = 0; ahead < width * size; ahead += 64) // the next chunk, which lies behind
			_mm_prefetch(s + width * size + ahead, _MM_HINT_T1);
		if (type == lc_f32) {
			memcpy(w, s, width * 4);
			continue;
		}
		for (; k + 8 <= width; k += 8) {
			const __m128i half = _mm_loadu_si128((const __m128i *)(s + 2 * k));
			const __m256 v = type == lc_f16 ? _mm256_cvtph_ps(half) : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
			_mm256_storeu_ps(w + k, v);
		}
		for (; k < width; k++) {
			uint16_t half;
			memcpy(&half, s + 2 * k, 2);
			const __m128i v = _mm_cvtsi32_si128(half);
			_mm_store_ss(w + k, type == lc_f16 ? _mm_cvtph_ps(v) : _mm_castsi128_ps(_mm_slli_epi32(v, 16)));
		}
	}
}

// rows512 adds to the sums of N rows of the weight with 32 rows of x the products
// of width columns; first says that there are none yet.
#define ROWS512(N)                                                                                                       \
	INLINE AVX512 void rows512_##N(const float *w, const float *x0, const float *x1, long width, int first, float *c0, float *c1) { \
		__m512 a[N], b[N];                                                                                                    \
		_Pragma("GCC unroll 16") for (int i = 0; i < N; i++) a[i] = b[i] = _mm512_setzero_ps();                               \
		for (long k = 0; k < width; k++) {                                                                                    \
			const __m512 p = _mm512_loadu_ps(x0 + 16 * k), q = _mm512_loadu_ps(x1 + 16 * k);                                     \
			_Pragma("GCC unroll 16") for (int i = 0; i < N; i++) {                                                               \
				const __m512 v = _mm512_set1_ps(w[i * chunk + k]);                                                                  \
				a[i] = _mm512_fmadd_ps(p, v, a[i]);                                                                                 \
				b[i] = _mm512_fmadd_ps(q, v, b[i]);                                                                                 \
			}                                                                                                                    \
		}                                                                                                                     \
		_Pragma("GCC unroll 16") for (int i = 0; i < N; i++) {                                                                \
			_mm512_storeu_ps(c0 + 16 * i, first ? a[i] : _mm512_add_ps(_mm512_loadu_ps(c0 + 16 * i), a[i]));                     \
			if (c1)                                                                                                              \
				_mm512_storeu_ps(c1 + 16 * i, first ? b[i] : _mm512_add_ps(_mm512_loadu_ps(c1 + 16 * i), b[i]));                    \
		}                                                                                                                     \
	}

// rows256 does so for 16 rows of x.
#define ROWS256(N)                                                                                                 \
	INLINE AVX2 void rows256_##N(const float *w, const float *x, long width, int first, float *c) {                 \
		__m256 a[N], b[N];                                                                                              \
		_Pragma("GCC unroll 16") for (int i = 0; i < N; i++) a[i] = b[i] = _mm256_setzero_ps();                         \
		for (long k = 0; k < width; k++) {                                                                              \
			const __m256 p = _mm256_loadu_ps(x + 16 * k), q = _mm256_loadu_ps(x + 16 * k + 8);                             \
			_Pragma("GCC unroll 16") for (int i = 0; i < N; i++) {                                                         \
				const __m256 v = _mm256_broadcast_ss(w + i * chunk + k);                                                      \
				a[i] = _mm256_fmadd_ps(p, v, a[i]);                                                                           \
				b[i] = _mm256_fmadd_ps(q, v, b[i]);                                                                           \
			}                                                                                                              \
		}                                                                                                               \
		_Pragma("GCC unroll 16") for (int i = 0; i < N; i++) {                                                          \
			float *s = c + 16 * i;                                                                                         \
			_mm256_storeu_ps(s, first ? a[i] : _mm256_add_ps(_mm256_loadu_ps(s), a[i]));                                   \
			_mm256_storeu_ps(s + 8, first ? b[i] : _mm256_add_ps(_mm256_loadu_ps(s + 8), b[i]));                           \
		}                                                                                                               \
	}

ROWS512(12)
ROWS512(8)
ROWS512(4)
ROWS256(6)
ROWS256(4)
ROWS256(2)

// sums512 and sums256 go over the rows of a chunk of the weight for each row tile.
AVX512 static void sums512(const float *w, long n, const float *x, long cols, long from, long width, const int32_t *rows, long count, float *c, long ldc) {
	for (long m = 0; m < count; m += 2) {
		const long odd = m + 1 < count; // a last tile without a partner stands in for it, its sums are left out
		const float *x0 = x + rows[m] * cols + from * 16, *x1 = x + rows[m + odd] * cols + from * 16;
		float *c0 = c + m * ldc * 16, *c1 = odd ? c0 + ldc * 16 : 0;
		for (long i = 0; i < n;) {
			const float *wi = w + i * chunk;
			float *s0 = c0 + i * 16, *s1 = c1 ? c1 + i * 16 : 0;
			if (n - i > 8) {
				rows512_12(wi, x0, x1, width, from == 0, s0, s1);
				i += 12;
			} else if (n - i > 4) {
				rows512_8(wi, x0, x1, width, from == 0, s0, s1);
				i += 8;
			} else {
				rows512_4(wi, x0, x1, width, from == 0, s0, s1);
				i += 4;
			}
		}
	}
}

AVX2 static void sums256(const float *w, long n, const float *x, long cols, long from, long width, const int32_t *rows, long count, float *c, long ldc) {
	for (long m = 0; m < count; m++) {
		const float *xm = x + rows[m] * cols + from * 16;
		for (long i = 0; i < n;) {
			const float *wi = w + i * chunk;
			float *s = c + (m * ldc + i) * 16;
			if (n - i > 4) {
				rows256_6(wi, xm, width, from == 0, s);
				i += 6;
			} else if (n - i > 2) {
				rows256_4(wi, xm, width, from == 0, s);
				i += 4;
			} else {
				rows256_2(wi, xm, width, from == 0, s);
				i += 2;
			}
		}
	}
}

// turn8 writes or adds 8 x 8 sums, transposed.
INLINE AVX2 void turn8(const float *c, float *dst, long ldd, int add) {
	__m256 r[8], t[8];
	for (int i = 0; i < 8; i++)
		r[i] = _mm256_loadu_ps(c + 16 * i);
	for (int i = 0; i < 4; i++) {
		t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
		t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
	}
	for (int i = 0; i < 2; i++) {
		r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
		r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
		r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
		r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
	}
	for (int i = 0; i < 4; i++) {
		t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
		t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
	}
	for (int i = 0; i < 8; i++, dst += ldd)
		_mm256_storeu_ps(dst, add ? _mm256_add_ps(_mm256_loadu_ps(dst), t[i]) : t[i]);
}

AVX2 void lc_fma_multiply(int bits, const void *raw, int type, long n, long cols, const float *x,
                          const int32_t *rows, long count, float *w, float *c, float *dst, long ldd, int add) {
	for (long from = 0; from < cols; from += chunk) {
		const long width = cols - from < chunk ? cols - from : chunk;
		widen(raw, type, n, cols, from, width, w);
		if (bits == 512)
			sums512(w, n, x, cols, from, width, rows, count, c, ldd);
		else
			sums256(w, n, x, cols, from, width, rows, count, c, ldd);
	}
	for (long m = 0; m < count; m++)
		for (long i = 0; i < n; i += 8)
			for (long half = 0; half < 16; half += 8)
				turn8(c + (m * ldd + i) * 16 + half, dst + (rows[m] + half) * ldd + i, ldd, add);
}

#else

int lc_fma_bits(void) { return 0; }
void lc_fma_pack_rows(const float *x, long stride, long n, float *dst) {}
void lc_fma_multiply(int bits, const void *raw, int type, long n, long cols, const float *x,
                     const int32_t *rows, long count, float *w, float *c, float *dst, long ldd, int add) {}

#endif
