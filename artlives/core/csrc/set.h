/* The work for one instruction set. It is included once for each, with these macros defined:

   INSTRUCTIONS  the set's name, which ends the names of all functions and types here;
   LABEL         its name for people;
   TARGET        the attribute that allows a function to use the set;
   LANES         floats in a vector;
   VECTORS       vectors of output channels that are computed at a time, at most;
   TILE          pixels that are computed at a time with VECTORS vectors: VECTORS * TILE registers hold the sums;
   FROM_HALVES, TO_HALVES  where the processor has instructions for fp16: a vector from memory, and one, limited to
                 what is finite, to memory. */

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
/* Vectors of LANES values; of LANES / 2 in half_vec and doubles, and of four in quad. */
typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float half_vec __attribute__((vector_size(2 * LANES), aligned(4), may_alias));
typedef double doubles __attribute__((vector_size(4 * LANES), aligned(8), may_alias));
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t bits __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

#define Workspace NAME(Workspace)
#define Channels NAME(Channels)

#include "half.h"

#include "read.h"

#include "product.h"

#include "winograd.h"

#include "statistics.h"

#include "write.h"

#include "run.h"

#include "gradient.h"

#include "normalization.h"

/* The set's entry in the table of instructions.c. */
static const Instructions NAME(set) = {
    LABEL, LANES, VECTORS, NAME(run), NAME(materialize), NAME(weight_gradient), NAME(moments), NAME(normalize)};

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
#undef PIXELS
#undef MOST_ROWS
#undef ROUNDING
#undef Workspace
#undef Channels
#undef INSTRUCTIONS
#undef LABEL
#undef TARGET
#undef LANES
#undef VECTORS
#undef TILE
#undef FROM_HALVES
#undef TO_HALVES
