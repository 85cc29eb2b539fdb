/* Vectors of sixteen values of fp16 and of bf16, for x86's AVX-512. The files that include set.h with such vectors include
   it before. */

/* Of fp32, limited to the largest number of fp16. */
#define HALVES(x)                                                                                                      \
    _mm512_cvtps_ph(_mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(65504)), _mm512_set1_ps(-65504)),                    \
                    _MM_FROUND_TO_NEAREST_INT)
#define PUT_HALVES(to, halves, count) _mm256_mask_storeu_epi16(to, (__mmask16)((1 << (count)) - 1), halves)
#define WIDENED(halves) _mm512_cvtph_ps(halves)
#define FROM_HALVES(from) WIDENED(_mm256_loadu_si256((const __m256i *)(from)))
#define TO_HALVES(to, x) _mm256_storeu_si256((__m256i *)(to), HALVES(x))
#define TO_BFLOATS(to, x) _mm256_storeu_si256((__m256i *)(to), (__m256i)_mm512_cvtneps_pbh(x))
