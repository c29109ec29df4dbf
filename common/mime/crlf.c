/* Line ends; see crlf.h. */
#include "mime/crlf.h"

#include "base/banned.h"

static void
end_line(struct crlf *c, bool has_lf, struct buf *out)
{
	buf_add_cstr(out, has_lf || !c->keeps_cr ? "\r\n" : "\r");
	c->has_cr = false;
}

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
			end_line(c, x == '\n', out);
			from = x == '\n' ? i + 1 : i;
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
		end_line(c, false, out);
}
