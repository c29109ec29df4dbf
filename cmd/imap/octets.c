/* Sections to ranges, from the stored part tree; see octets.h. */
#include "octets.h"

#include "base/banned.h"

/*
 * The header and text of a message/rfc822 part are those of its child; no
 * other part has any (RFC 3501 6.4.5), also the one part of a message.
 */
static const struct facts_part *
inner_root(const struct facts *f, const struct facts_part *p)
{
	if (p->is_message && p->first_child != FACTS_NO_PART)
		return &f->parts[p->first_child];
	return NULL;
}

static struct octets
range(uint64_t from, uint64_t size, bool with_prefix)
{
	return (struct octets){ OCTETS_RANGE, from, size, with_prefix };
}

/* BODY[1] of a message that is not multipart is its text. */
struct octets
octets_of(const struct facts *f, const struct facts_part *p,
    const struct section *s)
{
	bool is_root = p == &f->parts[0], is_whole = s->n_part == 0;
	const struct facts_part *root;
	struct octets o;

	if (s->text == SECTION_ALL)
		return is_root && is_whole
		    ? range(0, f->size, true)
		    : range(p->body_offset, p->body_size, false);
	if (s->text == SECTION_MIME)
		return range(p->header_offset, p->header_size, is_root);
	root = is_whole ? p : inner_root(f, p);
	if (!root)
		return (struct octets){ .kind = OCTETS_NONE };
	if (s->text == SECTION_TEXT)
		return range(root->body_offset, root->body_size, false);
	o = range(root->header_offset, root->header_size, is_whole);
	if (s->text != SECTION_HEADER)
		o.kind = OCTETS_FIELDS;
	return o;
}
