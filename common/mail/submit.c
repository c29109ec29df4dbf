/* The header of submitted mail; see submit.h. */
#include "mail/submit.h"

#include "base/buf.h"
#include "mime/header.h"
#include "text/date.h"

#include "base/banned.h"

struct submit {
	struct str hostname;
	struct oid id;
	int64_t now_s;
	struct buf header;
	bool is_body;
};

struct submit *
submit_new(struct arena *a, struct str hostname, const struct oid *id,
    int64_t now_s)
{
	struct submit *u = ARENA_NEW(a, struct submit);

	u->hostname = hostname;
	u->id = *id;
	u->now_s = now_s;
	return u;
}

void
submit_free(struct submit *u)
{
	if (u)
		buf_done(&u->header);
}

static void
add_missing(const struct submit *u, struct str header, struct buf *out)
{
	struct header_field unused;
	char text[OID_HEX];

	if (!header_find(header, STR("Date"), &unused)) {
		buf_add_cstr(out, "Date: ");
		date_print_rfc5322(out, u->now_s, 0);
		buf_add_cstr(out, "\r\n");
	}
	if (!header_find(header, STR("Message-ID"), &unused))
		buf_printf(out, "Message-ID: <%.*s@%.*s>\r\n",
		    STR_ARG(oid_format(&u->id, text)), STR_ARG(u->hostname));
}

/* The header without Bcc; `rest` is what header_next left. */
static void
emit_header(struct submit *u, submit_sink *sink, void *ctx)
{
	struct str rest = buf_str(&u->header);
	struct header_field f;
	struct buf out = BUF_INIT;

	add_missing(u, rest, &out);
	while (header_next(&rest, &f)) {
		if (!str_equals_nocase(f.name, STR("Bcc")))
			buf_add_str(&out, f.whole);
	}
	buf_add_str(&out, rest);
	sink(ctx, buf_str(&out));
	buf_done(&out);
	buf_reset(&u->header);
	u->is_body = true;
}

/* The empty line is there. `seen` octets were looked at before. */
static bool
has_end(struct str s, size_t seen)
{
	struct str fresh = str_tail(s, seen > 3 ? seen - 3 : 0);

	return str_starts_with(s, STR("\r\n")) ||
	    str_find(fresh, STR("\r\n\r\n")) < fresh.len;
}

void
submit_push(struct submit *u, struct str bytes, submit_sink *sink, void *ctx)
{
	size_t seen = u->header.len;

	if (u->is_body) {
		sink(ctx, bytes);
		return;
	}
	buf_add_str(&u->header, bytes);
	if (has_end(buf_str(&u->header), seen))
		emit_header(u, sink, ctx);
	else if (u->header.len > SUBMIT_HEADER_MAX) {
		sink(ctx, buf_str(&u->header));
		buf_reset(&u->header);
		u->is_body = true;
	}
}

void
submit_finish(struct submit *u, submit_sink *sink, void *ctx)
{
	if (!u->is_body && u->header.len)
		emit_header(u, sink, ctx);
}
