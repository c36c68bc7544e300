/*
 * submit_payload.c
 *		From a task type and a user's payload to the payload that is stored.
 *
 * Runs in every backend, at submit.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "http_check.h"
#include "submit.h"
#include "utils/builtins.h"

static void
no_such_type(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no task type \"%s\"", name),
					errhint("Define it with errand.define_task(), or use the built-in type http. "
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
	t->kind = "http";
	if (strcmp(name, "http") == 0)
		return;
	errand_arg_text(&a, name);
	row = errand_call("_type", &a, &isnull);
	if (isnull)
		no_such_type(name);
	t->row = DatumGetJsonbP(row);
	t->kind = json_text_field(t->row, "kind");
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

/*
 * A payload may use the names of errand.http()'s arguments: those that the
 * engine spells otherwise, and those that say how to run it, are taken out.
 */
void
errand_payload_lift(Jsonb *payload, ErrandOptions *o)
{
	static const char *const engine_keys[] = {"json", "body_base64", "connect_timeout_ms",
											  "cache_ttl_ms"};

	for (int i = 0; i < (int) lengthof(engine_keys); i++)
	{
		if (getKeyJsonValueFromContainer(&payload->root, engine_keys[i], strlen(engine_keys[i]),
										 NULL))
			return;
	}
	errand_http_lift(payload, o);
}

Jsonb *
errand_payload_prepare(const ErrandTaskType *t, ErrandOptions *o)
{
	Jsonb *payload = o->given[OPT_PAYLOAD] ? DatumGetJsonbP(o->value[OPT_PAYLOAD]) : NULL;

	if (payload == NULL || !JB_ROOT_IS_OBJECT(payload))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the payload must be a JSON object"),
						errhint("Such as {\"url\": \"https://example.com/\"}.")));
	errand_payload_lift(payload, o);
	payload = merge_template(t, DatumGetJsonbP(o->value[OPT_PAYLOAD]));
	if (t->row != NULL)
		payload = errand_http_cache_default(payload, t->row);
	errand_http_check(payload, true);
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

void
errand_item_check(const ErrandOptions *o, int number)
{
	for (int k = OPT_URL; k < OPT_TIMEOUT_MILLISECONDS; k++)
	{
		if (o->given[k])
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("\"%s\" of task %d of the list belongs in its payload",
								   errand_option_name(k), number)));
	}
}
