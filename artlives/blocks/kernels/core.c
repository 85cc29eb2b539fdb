/* The compiled core: convolution and transposed convolution with what surrounds them, each activation read once and
   written once. `compiled.py` calls it; `unit.h` is the work itself, compiled for several instruction sets, of which
   the best that the processor has is taken. */

#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include "core.h"
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)

#include <immintrin.h>

#define INSTRUCTIONS avx512
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma")))
#define LANES 16
#define VECTORS 3
#define TILE 8
#define FROM_HALVES(from) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(from)))
#define TO_HALVES(to, x)                                                                                               \
    _mm256_storeu_si256((__m256i *)(to),                                                                               \
        _mm512_cvtps_ph(_mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(65504)), _mm512_set1_ps(-65504)),                \
                        _MM_FROUND_TO_NEAREST_INT))
#include "unit.h"

#define INSTRUCTIONS avx2
#define TARGET __attribute__((target("avx2,fma,f16c"))) /* no processor has AVX2 without F16C */
#define LANES 8
#define VECTORS 3
#define TILE 4
#define FROM_HALVES(from) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from)))
#define TO_HALVES(to, x)                                                                                               \
    _mm_storeu_si128((__m128i *)(to),                                                                                  \
        _mm256_cvtps_ph(_mm256_max_ps(_mm256_min_ps(x, _mm256_set1_ps(65504)), _mm256_set1_ps(-65504)),                \
                        _MM_FROUND_TO_NEAREST_INT))
#include "unit.h"

/* Of Linux alone, since a process has to ask its kernel for the registers. */
#if defined(__linux__) && defined(__has_include)
#if __has_include(<amxbf16intrin.h>)
#define HAS_TILES
#include <cpuid.h>
#include "tiles.h"
#endif
#endif

#endif

#if defined(__aarch64__)
#define INSTRUCTIONS neon
#define TILE 6
#else
#define INSTRUCTIONS plain
#define TILE 2
#endif
#define TARGET
#define LANES 4
#define VECTORS 4
#include "unit.h"

typedef struct {
    const char *name;
    int64_t lanes, vectors;
    int (*run)(const void *, int64_t, int64_t, void *);
    int (*settle)(const void *, int64_t, int64_t, void *);
    int (*weight_gradient)(const void *, int64_t, int64_t, void *);
    int (*moments)(const void *, int64_t, int64_t, void *);
    int (*normalize)(const void *, int64_t, int64_t, void *);
} Instructions;

#define WORK(set) run_##set, settle_##set, weight_gradient_##set, moments_##set, normalize_##set

/* The instruction sets that this processor has, the best one first; `index` past the last gives NULL. */
const Instructions *artlives_instructions(int64_t index)
{
#if defined(__x86_64__)
    static const Instructions all[] = {
        {"AVX-512", 16, 3, WORK(avx512)},
        {"AVX2", 8, 3, WORK(avx2)},
        {"plain", 4, 4, WORK(plain)}};
    __builtin_cpu_init();
    int has[] = {__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"),
                 __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), 1};
#elif defined(__aarch64__)
    static const Instructions all[] = {{"NEON", 4, 4, WORK(neon)}};
    int has[] = {1};
#else
    static const Instructions all[] = {{"plain", 4, 4, WORK(plain)}};
    int has[] = {1};
#endif
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (has[i] && index-- == 0)
            return &all[i];
    return NULL;
}

/* What computes on bf16 alone, by tile registers; NULL where this processor has none. */
const Instructions *artlives_tiles(void)
{
#ifdef HAS_TILES
    static const Instructions tiles = {"AMX", 16, 1, run_tiles, NULL, weight_gradient_tiles, NULL, NULL};
    return artlives_instructions(0)->lanes == 16 && has_tiles() ? &tiles : NULL;
#else
    return NULL;
#endif
}

/* One thread's part of a job: piece after piece, as long as there are any. */
void artlives_work(Job *job)
{
    int64_t i;
    while ((i = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < job->count) {
        const Piece *piece = &job->pieces[i];
        if (job->run(piece->what, piece->first, piece->last, piece->sums))
            __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
    }
}

/* An empty module, so that Python finds the library where it is installed. */
PyMODINIT_FUNC PyInit_core(void)
{
    static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "core", "The compiled core.", -1, NULL, NULL, NULL, NULL, NULL};
    return PyModule_Create(&module);
}
