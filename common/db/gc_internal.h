/* Between gc.c (trash records) and gc_blobs.c. */
#ifndef M3_DB_GC_INTERNAL_H
#define M3_DB_GC_INTERNAL_H

#include "base/vec.h"
#include "db/db_internal.h"
#include "db/gc.h"

typedef VEC(struct oid) gc_ids;

struct gc {
	struct db *db;
	struct arena *a;     /* of one step */
	int64_t now_ms;      /* the server's */
	const struct gc_options *options;
	struct gc_counts counts;
};

struct gc_found {
	struct gc *gc;
	gc_ids v;
};

/*
 * Of these, what nothing refers to is deleted; v is sorted meanwhile.
 * forgets_used: the signs of the others go.
 */
enum rc gc_sweep(struct gc *gc, struct oid *v, size_t n, bool forgets_used,
    struct err *err);
/* Blobs whose writer died, or came too late. */
enum rc gc_take_abandoned(struct gc *gc, struct err *err);
/* Blobs without a sign and without a reference: a walk over all. */
enum rc gc_take_unreferenced(struct gc *gc, struct err *err);

#endif
