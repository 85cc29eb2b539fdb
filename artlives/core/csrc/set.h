/* The work for one instruction set. It is included once for each, with these macros defined:

   INSTRUCTIONS  the set's name, which ends the names of all functions and types here;
   LABEL         its name for people;
   TARGET        the attribute that allows a function to use the set;
   LANES         floats in a vector;
   VECTORS       vectors of output channels that are computed at a time, at most;
   TILE          pixels that are computed at a time with VECTORS vectors: VECTORS * TILE registers hold the sums;
   WINOGRAD      m of Winograd's F(m x m, 3 x 3), 2 or 4;
   FROM_HALVES, TO_HALVES  where the processor has instructions for fp16: a vector from memory, and one, limited to
                 what is finite, to memory.

   A set that multiplies bf16 has no other work than `run`, and defines these, too:

   GROUP         values that are multiplied at a time, which rows of weights have zeros to a multiple of;
   ADD_PRODUCT   sums of fp32 plus the products of a pair of bf16, in 32 bits, and a vector of such pairs; or
   TILES         that the set has a function `multiply` of its own in place of product.h, with LEAST_PIXELS, those it
                 multiplies at least, and BEGIN and END, what comes before and after all products of a piece;
   TO_BFLOATS    a vector to memory;
   HALVES, PUT_HALVES, WIDENED  a vector of fp16 from one of fp32, limited to what is finite; its first values to
                 memory; and the other way round. */

#include "abi.h"
#include "sizes.h"

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define NAME(a) NAMED(a, INSTRUCTIONS)
#define INLINE static inline __attribute__((always_inline)) TARGET

#define vec NAME(vec)
#define half_vec NAME(half_vec)
#define doubles NAME(doubles)
#define quad NAME(quad)
#define mask NAME(mask)
#define bits NAME(bits)
#define bytes NAME(bytes)
/* Vectors of LANES values; of LANES / 2 in half_vec and doubles, and of four in quad. */
typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float half_vec __attribute__((vector_size(2 * LANES), aligned(4), may_alias));
typedef double doubles __attribute__((vector_size(4 * LANES), aligned(8), may_alias));
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t bits __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef uint8_t bytes __attribute__((vector_size(LANES), aligned(1), may_alias));

#define Workspace NAME(Workspace)
#define Channels NAME(Channels)

/* What is multiplied, the padded input and the weights, and what `product.h` takes of the input at a time. */
#define element NAME(element)
#define operand NAME(operand)
#ifdef GROUP
#define ELEMENT BFLOAT16
typedef uint16_t element;
typedef int32_t operand __attribute__((aligned(2), may_alias));
#else
#define ELEMENT FLOAT32
#define GROUP 1
#define ADD_PRODUCT(sums, x, weights) ((sums) + (x) * (weights))
typedef float element;
typedef float operand;
#endif
#ifndef TILES
#define LEAST_PIXELS 1
#define BEGIN()
#define END()
#endif

#include "half.h"

#include "read.h"

#ifndef TILES
#include "product.h"
#endif

#include "convolve.h"

#if GROUP == 1
#include "winograd.h"
#endif

#include "statistics.h"

#include "write.h"

#include "finish.h"

#include "run.h"

#include "peak.h"

#if GROUP == 1
#include "materialize.h"

#include "gradient.h"

#include "normalization.h"

/* The set's entry in the table of instructions.c. */
static const Instructions NAME(set) = {
    LABEL,     LANES, VECTORS, ELEMENT, GROUP, WINOGRAD, NAME(run), NAME(materialize), NAME(weight_gradient),
    NAME(moments), NAME(normalize), NAME(peak)};
#endif

#undef JOINED
#undef NAMED
#undef NAME
#undef INLINE
#undef vec
#undef half_vec
#undef doubles
#undef quad
#undef mask
#undef bits
#undef bytes
#undef PIXELS
#undef PEAK_LENGTH
#undef ROUNDING
#undef element
#undef operand
#undef ELEMENT
#undef GROUP
#undef LEAST_PIXELS
#undef BEGIN
#undef END
#undef TILES
#undef ADD_PRODUCT
#undef TO_BFLOATS
#undef HALVES
#undef PUT_HALVES
#undef WIDENED
#undef Workspace
#undef Channels
#undef INSTRUCTIONS
#undef LABEL
#undef TARGET
#undef LANES
#undef VECTORS
#undef TILE
#undef WINOGRAD
#undef FROM_HALVES
#undef TO_HALVES
