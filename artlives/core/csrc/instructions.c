/* The instruction sets that the core is compiled for, the choice among them, and a thread's part of a job. Each file
   in isa/ includes set.h, the work itself, for one of them. */

#include "abi.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include "isa/avx512.h"

#include "isa/avx2.h"

#include "isa/plain.h"
/* AMX is used on Linux alone, where a process asks the kernel for the registers. */
#if defined(__linux__) && defined(__has_include)
#if __has_include(<amxbf16intrin.h>)
#define HAS_TILES
#include "isa/amx.h"
#endif
#endif
#elif defined(__aarch64__)
#include "isa/neon.h"
#else
#include "isa/plain.h"
#endif

#define WORK(set) run_##set, materialize_##set, weight_gradient_##set, moments_##set, normalize_##set

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
        if (job->work(piece->task, piece->first, piece->last, piece->totals))
            __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
    }
}
