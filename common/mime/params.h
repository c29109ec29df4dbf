/*
 * Parameters of Content-Type and Content-Disposition (RFC 2045 5.1), with
 * the continuations of RFC 2231 put together: `name*0=a; name*1=b` becomes
 * name=ab. Values in a charset (RFC 2231 4) keep their encoding and the '*'
 * at the end of their name, as in BODYSTRUCTURE.
 */
#ifndef M3_MIME_PARAMS_H
#define M3_MIME_PARAMS_H

#include "mime/scan.h"
#include "model/facts.h"

/*
 * s stands behind the type. At most LIMIT_MIME_PARAMS; what is broken is
 * passed over. Names are in lower case. All lies in the arena.
 */
struct facts_params params_parse(struct arena *a, struct scan *s);
/* The first of that name, or STR_NONE. name in lower case. */
struct str params_find(struct facts_params params, struct str name);

#endif
