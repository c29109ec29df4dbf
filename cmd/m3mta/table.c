/* Output: aligned tables for people, JSON for machines. */
#include "admin.h"

#include "base/ascii.h"

#include "base/banned.h"

struct table {
	struct arena *a;
	bool is_json;
	const struct column *columns;
	size_t n;
	VEC(const struct str *) rows;
};

struct table *
table_new(const struct admin *a, const struct column *columns, size_t n)
{
	struct table *t = ARENA_NEW(a->a, struct table);

	t->a = a->a;
	t->is_json = a->is_json;
	t->columns = columns;
	t->n = n;
	return t;
}

void
table_row(struct table *t, const struct str *cells)
{
	struct str *copy = ARENA_ARRAY(t->a, t->n, struct str);

	memcpy(copy, cells, t->n * sizeof(*copy));
	VEC_PUSH(t->a, &t->rows, copy);
}

static void
print_json_string(struct str s)
{
	size_t i;

	putchar('"');
	for (i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (ascii_is_cntl(c))
			printf("\\u%04x", (unsigned)(unsigned char)c);
		else
			putchar(c);
	}
	putchar('"');
}

static void
print_json_members(const struct table *t, const struct str *cells)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		printf("%s\"%s\": ", i ? ", " : "", t->columns[i].name);
		if (t->columns[i].is_number && cells[i].len)
			printf("%.*s", STR_ARG(cells[i]));
		else
			print_json_string(cells[i]);
	}
}

static void
print_json(const struct table *t)
{
	size_t i;

	putchar('[');
	for (i = 0; i < t->rows.n; i++) {
		fputs(i ? ",\n {" : "{", stdout);
		print_json_members(t, t->rows.v[i]);
		putchar('}');
	}
	puts("]");
}

static size_t
width_of(const struct table *t, size_t column)
{
	size_t width = strlen(t->columns[column].name), i;

	for (i = 0; i < t->rows.n; i++) {
		if (t->rows.v[i][column].len > width)
			width = t->rows.v[i][column].len;
	}
	return width;
}

/* Control characters of what mail brought must not reach a terminal. */
static void
print_cell(struct str s, size_t width, bool is_number, bool is_last)
{
	int pad = (int)(width > s.len ? width - s.len : 0);
	size_t i;

	if (is_number)
		printf("%*s", pad, "");
	for (i = 0; i < s.len; i++)
		putchar(ascii_is_cntl(s.p[i]) ? '?' : s.p[i]);
	if (!is_number && !is_last)
		printf("%*s", pad, "");
	fputs(is_last ? "\n" : "  ", stdout);
}

void
table_print(const struct table *t)
{
	size_t i, k;

	if (t->is_json) {
		print_json(t);
		return;
	}
	for (k = 0; k < t->n; k++)
		print_cell(str_from_cstr(t->columns[k].name), width_of(t, k),
		    t->columns[k].is_number, k + 1 == t->n);
	for (i = 0; i < t->rows.n; i++) {
		for (k = 0; k < t->n; k++)
			print_cell(t->rows.v[i][k], width_of(t, k),
			    t->columns[k].is_number, k + 1 == t->n);
	}
}

void
table_print_single(const struct table *t)
{
	size_t k;

	if (t->is_json) {
		putchar('{');
		print_json_members(t, t->rows.v[0]);
		puts("}");
		return;
	}
	for (k = 0; k < t->n; k++) {
		printf("%-16s ", t->columns[k].name);
		print_cell(t->rows.v[0][k], 0, false, true);
	}
}

void
table_print_nested(
    const struct table *t, const char *name, const struct table *inner)
{
	putchar('{');
	print_json_members(t, t->rows.v[0]);
	printf(", \"%s\":\n", name);
	print_json(inner);
	puts("}");
}
