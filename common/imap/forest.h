/*
 * Trees that are linked and cut, and asked for the root of a node: each in
 * logarithmic time on average, whatever the order and however deep they are
 * (link-cut trees: Sleator and Tarjan, 1983). A node is zeroed before its
 * first use and stays where it is.
 */
#ifndef M3_IMAP_FOREST_H
#define M3_IMAP_FOREST_H

#include <stddef.h>

struct forest_node {
	struct forest_node *up;      /* in its splay tree, or the path above */
	struct forest_node *side[2]; /* of its path: nearer the root, deeper */
};

/* The topmost ancestor of n; n itself if it is a root. */
struct forest_node *forest_root(struct forest_node *n);
/* n, a root, goes below parent, which is in another tree. */
void forest_link(struct forest_node *parent, struct forest_node *n);
/* n with all that is below it is cut from its parent, if it has one. */
void forest_cut(struct forest_node *n);

#endif
