/*
 * submit_payload.c
 *		From a task type and a user's payload to the payload that is stored.
 *
 * Runs in every backend, at submit.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "email_check.h"
#include "http_check.h"
#include "submit.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* The kinds of task, each with a built-in type of its name: a new one is one line. */
static const ErrandPayloadKind kinds[] = {
	{"http", errand_http_lift, errand_http_check, "{\"url\": \"https://example.com/\"}"},
	{"sql", NULL, NULL, "{\"function\": \"public.work(jsonb)\", \"args\": {}}"},
	{"email", errand_email_lift, errand_email_check,
	 "{\"recipient\": [\"ann@example.com\"], \"subject\": \"Hello\"}"},
};

const ErrandPayloadKind *
errand_payload_kind_at(int i)
{
	return i < (int) lengthof(kinds) ? &kinds[i] : NULL;
}

const ErrandPayloadKind *
errand_payload_kind(const char *name)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	return NULL;
}

static void
no_such_type(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no task type \"%s\"", name),
					errhint("Define it with errand.define_task(), or use a built-in one such as http. "
							"SELECT * FROM errand.task_types lists them.")));
}

static char *
json_text_field(Jsonb *object, const char *key)
{
	JsonbValue *v = getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL);

	if (v == NULL || v->type != jbvString)
		return NULL;
	return pnstrdup(v->val.string.val, v->val.string.len);
}

void
errand_type_find(const char *name, ErrandTaskType *t)
{
	ErrandArgs a = {0};
	bool isnull;
	Datum row;
	JsonbValue *template;

	memset(t, 0, sizeof(*t));
	t->name = name;
	t->kind = name;
	if (errand_payload_kind(name) != NULL)
		return;
	errand_arg_text(&a, name);
	row = errand_call("_type", &a, &isnull);
	if (isnull)
		no_such_type(name);
	t->row = DatumGetJsonbP(row);
	t->kind = json_text_field(t->row, "kind");
	t->handler = json_text_field(t->row, "handler");
	template = getKeyJsonValueFromContainer(&t->row->root, "template", 8, NULL);
	if (template != NULL)
		t->template = JsonbValueToJsonb(template);
}

static Jsonb *
merge_template(const ErrandTaskType *t, Jsonb *payload)
{
	ErrandArgs a = {0};
	bool isnull;

	if (t->template == NULL)
		return payload;
	errand_arg_pointer(&a, t->template);
	errand_arg_pointer(&a, payload);
	return DatumGetJsonbP(errand_call("_merge", &a, &isnull));
}

/* The key that the type's unique_key finds, unless the submit gives one. */
static void
unique_key(const ErrandTaskType *t, Jsonb *payload, ErrandOptions *o)
{
	char *path = t->row != NULL ? json_text_field(t->row, "unique_key") : NULL;
	ErrandArgs a = {0};
	bool isnull;
	Datum key;

	if (path == NULL || o->given[OPT_KEY])
		return;
	if (t->template != NULL)
		payload = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(t->template),
													 JsonbPGetDatum(payload)));
	errand_arg_text(&a, t->name);
	errand_arg_text(&a, path);
	errand_arg_pointer(&a, payload);
	key = errand_call("_unique_key", &a, &isnull);
	if (isnull)
		return;
	o->given[OPT_KEY] = true;
	o->value[OPT_KEY] = key;
	o->type[OPT_KEY] = TEXTOID;
}

Jsonb *
errand_payload_prepare(const ErrandTaskType *t, ErrandOptions *o)
{
	const ErrandPayloadKind *kind = errand_payload_kind(t->kind);
	Jsonb *payload = o->given[OPT_PAYLOAD] ? DatumGetJsonbP(o->value[OPT_PAYLOAD]) : NULL;

	if (kind == NULL)
		elog(ERROR, "task type \"%s\" is of an unknown kind", t->name);
	if (payload == NULL || !JB_ROOT_IS_OBJECT(payload))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the payload must be a JSON object"),
						errhint("Such as %s.", kind->example)));
	unique_key(t, payload, o);
	if (kind->lift == NULL)
		return errand_sql_prepare(t, o, payload);
	kind->lift(payload, o);
	payload = merge_template(t, DatumGetJsonbP(o->value[OPT_PAYLOAD]));
	if (t->row != NULL && strcmp(kind->name, "http") == 0)
		payload = errand_http_cache_default(payload, t->row);
	kind->check(payload, true);
	return payload;
}

void
errand_payload_only(const ErrandOptions *o)
{
	for (int k = OPT_QUEUE; k < OPT_COUNT; k++)
	{
		if (!o->given[k] || (k >= OPT_URL && k != OPT_TIMEOUT_MILLISECONDS))
			continue;
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" cannot stand in this payload", errand_option_name(k)),
						errhint("Give it as an argument of the function.")));
	}
}

bool
errand_type_has_key(const ErrandTaskType *t)
{
	return t->row != NULL && json_text_field(t->row, "unique_key") != NULL;
}
