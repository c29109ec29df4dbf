/* Random bytes from the kernel (getrandom); safe after fork. */
#ifndef M3_BASE_RND_H
#define M3_BASE_RND_H

#include <stddef.h>
#include <stdint.h>

/* Fills p. Blocks only before the system's first entropy. */
void rnd_fill(void *p, size_t len);
/* Even over 0 .. below-1; below > 0. */
uint32_t rnd_below(uint32_t below);

#endif
