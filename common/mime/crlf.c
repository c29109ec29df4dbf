/* Line ends; see crlf.h. */
#include "mime/crlf.h"

#include "base/banned.h"

void
crlf_push(struct crlf *c, struct str bytes, struct buf *out)
{
	size_t i, from = 0;

	for (i = 0; i < bytes.len; i++) {
		char x = bytes.p[i];

		if (x != '\r' && x != '\n' && !c->has_cr)
			continue;
		if (i > from)
			buf_add(out, bytes.p + from, i - from);
		from = i;
		if (c->has_cr || x == '\n') {
			/* A CR before this octet, or a LF by itself. */
			buf_add(out, "\r\n", 2);
			from = x == '\n' ? i + 1 : i;
			c->has_cr = false;
		}
		if (x == '\r') {
			c->has_cr = true;
			from = i + 1;
		}
	}
	if (bytes.len > from)
		buf_add(out, bytes.p + from, bytes.len - from);
}

void
crlf_finish(struct crlf *c, struct buf *out)
{
	if (c->has_cr)
		buf_add(out, "\r\n", 2);
	c->has_cr = false;
}
