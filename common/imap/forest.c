/*
 * Trees that are linked and cut; see forest.h. A tree is held as paths that
 * lead downwards, each a splay tree in order of depth; the top of a splay tree
 * points to the node above its path, which does not point back.
 */
#include "imap/forest.h"

#include <stdbool.h>

#include "base/banned.h"

/* The side of its splay tree's parent that n is on; -1: it is the top. */
static int
forest_side(const struct forest_node *n)
{
	if (n->up && n->up->side[0] == n)
		return 0;
	return n->up && n->up->side[1] == n ? 1 : -1;
}

static void
forest_rotate(struct forest_node *n)
{
	struct forest_node *p = n->up;
	int at = forest_side(n), above = forest_side(p);
	struct forest_node *inner = n->side[!at];

	n->up = p->up;
	if (above >= 0)
		p->up->side[above] = n;
	p->side[at] = inner;
	if (inner)
		inner->up = p;
	n->side[!at] = p;
	p->up = n;
}

static void
forest_splay(struct forest_node *n)
{
	while (forest_side(n) >= 0) {
		struct forest_node *p = n->up;

		if (forest_side(p) >= 0)
			forest_rotate(
			    forest_side(p) == forest_side(n) ? p : n);
		forest_rotate(n);
	}
}

/* One path leads from the root to n and ends there; n is its top. */
static void
forest_expose(struct forest_node *n)
{
	struct forest_node *at, *below = NULL;

	for (at = n; at; at = at->up) {
		forest_splay(at);
		at->side[1] = below;
		below = at;
	}
	forest_splay(n);
}

struct forest_node *
forest_root(struct forest_node *n)
{
	forest_expose(n);
	while (n->side[0])
		n = n->side[0];
	forest_splay(n); /* pays for the way down */
	return n;
}

void
forest_link(struct forest_node *parent, struct forest_node *n)
{
	forest_expose(n);
	n->up = parent;
}

void
forest_cut(struct forest_node *n)
{
	forest_expose(n);
	if (n->side[0])
		n->side[0]->up = NULL;
	n->side[0] = NULL;
}
