/*
 * follow_up.c
 *		on_success and on_failure: the four forms in which a follow-up is
 *		given, each made a spec.
 *
 * Runs in every backend, at submit.  What such a follow-up says about its
 * parent is filled in when the parent is final: _spec_fill() in SQL.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "spec.h"
#include "submit.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)

typedef struct Form
{
	const char *key;
	const char *task; /* NULL: the key says which */
	bool array;
	const char *example;
} Form;

static const Form forms[] = {
	{"task", NULL, false, "{\"task\": \"http\", \"payload\": {\"url\": ...}}"},
	{"slack", "http", false, "{\"slack\": \"https://hooks.slack.com/...\"}"},
	{"email", "email", true, "{\"email\": [\"ops@example.com\"]}"},
	{"call", "sql", false, "{\"call\": \"public.my_function(jsonb)\"}"},
};

static void
bad_form(ErrandOption which)
{
	ereport(ERROR, (BAD_ARGUMENT, errmsg("option \"%s\" is not valid", errand_option_name(which)),
					errhint("It is an object with one of task, slack, email and call, such as %s or %s.",
							forms[0].example, forms[1].example)));
}

/* The one form whose key the object has; *value is what stands there. */
static const Form *
form_find(Jsonb *object, ErrandOption which, JsonbValue **value)
{
	const Form *found = NULL;

	if (!JB_ROOT_IS_OBJECT(object))
		bad_form(which);
	for (int i = 0; i < (int) lengthof(forms); i++)
	{
		JsonbValue *v = getKeyJsonValueFromContainer(&object->root, forms[i].key,
													 strlen(forms[i].key), NULL);

		if (v == NULL)
			continue;
		if (found != NULL)
			bad_form(which);
		found = &forms[i];
		*value = v;
	}
	if (found == NULL)
		bad_form(which);
	else if (found->array ? (*value)->type != jbvBinary : (*value)->type != jbvString)
		ereport(ERROR, (BAD_ARGUMENT,
						errmsg("\"%s\" of option \"%s\" is not valid", found->key,
							   errand_option_name(which)),
						errhint("Such as %s.", found->example)));
	return found;
}

/* The payload with places for what _spec_fill() puts there. */
static Datum
form_payload(const Form *form, JsonbValue *value)
{
	StringInfoData s;

	initStringInfo(&s);
	if (form->array)
	{
		Jsonb *list = JsonbValueToJsonb(value);

		appendStringInfo(&s, "{\"recipient\": %s, \"subject\": \"-\", \"body\": \"-\"}",
						 JsonbToCString(NULL, &list->root, VARSIZE(list)));
	}
	else
	{
		bool call = strcmp(form->key, "call") == 0;

		appendStringInfo(&s, "{\"%s\": ", call ? "function" : "url");
		escape_json(&s, pnstrdup(value->val.string.val, value->val.string.len));
		appendStringInfoString(&s, call ? ", \"args\": {}}" :
										  ", \"method\": \"POST\", \"body\": {\"text\": \"-\"}}");
	}
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data));
}

/* What stands beside the form's key: options of any kind of task, nothing else. */
static void
check_beside(const ErrandOptions *o, ErrandOption which, bool task)
{
	for (int k = 0; k < OPT_COUNT; k++)
	{
		bool good = (k >= OPT_QUEUE && k < OPT_URL) || k == OPT_TIMEOUT_MILLISECONDS ||
					(task && (k == OPT_TASK || k == OPT_PAYLOAD));

		if (o->given[k] && !good)
			ereport(ERROR, (BAD_ARGUMENT,
							errmsg("\"%s\" cannot stand in option \"%s\"", errand_option_name(k),
								   errand_option_name(which)),
							errhint("What to do belongs in its payload: %s.", forms[0].example)));
	}
}

Jsonb *
errand_follow_up_prepare(const ErrandOptions *given, ErrandOption which, TimestampTz now)
{
	Jsonb *object;
	const Form *form;
	JsonbValue *value = NULL;
	ErrandOptions o;

	if (!given->given[which])
		return NULL;
	object = DatumGetJsonbP(given->value[which]);
	form = form_find(object, which, &value);
	memset(o.given, 0, sizeof(o.given));
	if (form->task != NULL)
		object = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(object),
													CStringGetTextDatum(form->key)));
	errand_options_from_json(object, &o, true);
	check_beside(&o, which, form->task == NULL);
	if (form->task == NULL)
	{
		if (!o.given[OPT_PAYLOAD])
			o.value[OPT_PAYLOAD] = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		o.given[OPT_PAYLOAD] = true;
		return errand_spec_make(errand_option_text(&o, OPT_TASK), &o, now, NULL, false);
	}
	o.given[OPT_PAYLOAD] = true;
	o.value[OPT_PAYLOAD] = form_payload(form, value);
	return errand_spec_make(form->task, &o, now, form->key, false);
}
