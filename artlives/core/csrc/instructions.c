/* The instruction sets that the core is compiled for, the choice among them, and a thread's part of a job. Each file
   in isa/ includes set.h, the work itself, for one of them. */

#include "abi.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include "isa/avx512.h"

#ifdef __has_include
#if __has_include(<avx512bf16intrin.h>)
#define HAS_BFLOAT
#include "isa/avx512bf16.h"
#endif
#endif

#include "isa/avx2.h"

#include "isa/plain.h"
/* AMX is used on Linux alone, where a process asks the kernel for the registers. */
#if defined(__linux__) && defined(HAS_BFLOAT)
#if __has_include(<amxbf16intrin.h>)
#define HAS_AMX
#include "isa/amx.h"
#endif
#endif
#elif defined(__aarch64__)
#include "isa/neon.h"
#elif defined(__wasm__)
#include "isa/wasm.h"
#else
#include "isa/plain.h"
#endif

/* The instruction sets that this processor has, the best one first; `index` past the last gives NULL. */
const Instructions *artlives_instructions(int64_t index)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    int has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const Instructions *all[] = {has_avx512 ? &set_avx512 : NULL, has_avx2 ? &set_avx2 : NULL, &set_plain};
#elif defined(__aarch64__)
    const Instructions *all[] = {&set_neon};
#elif defined(__wasm__)
    const Instructions *all[] = {&set_wasm};
#else
    const Instructions *all[] = {&set_plain};
#endif
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] && index-- == 0)
            return all[i];
    return NULL;
}

/* Those of this processor that multiply bf16, the best one first; `index` past the last gives NULL. */
const Instructions *artlives_bfloat_instructions(int64_t index)
{
#ifdef HAS_BFLOAT
    int has_bfloat = artlives_instructions(0) == &set_avx512 && __builtin_cpu_supports("avx512bf16");
    const Instructions *all[] = {
#ifdef HAS_AMX
        has_bfloat && has_tiles() ? &set_amx : NULL,
#endif
        has_bfloat ? &set_avx512bf16 : NULL,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] && index-- == 0)
            return all[i];
#else
    (void)index;
#endif
    return NULL;
}

/* One thread's part of a job: piece after piece, as long as there are any; none after one that found no memory. */
void artlives_work(Job *job)
{
    int64_t i;
    while ((i = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < job->count) {
        const Piece *piece = &job->pieces[i];
        if (job->work(piece->task, piece->first, piece->last, piece->totals)) {
            __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
            __atomic_store_n(&job->next, job->count, __ATOMIC_RELAXED);
        }
    }
}
