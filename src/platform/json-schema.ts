import { z } from "zod";

/** As much of JSON Schema (2020-12) as zod makes of our schemas. */
export type JsonSchema = {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly description?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly [keyword: string]: unknown;
};

/** What a schema takes (`input`) or gives (`output`). Rules that JSON Schema cannot say are left to the server. */
export function jsonSchemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, "~standard": __, ...made } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return made as JsonSchema;
}

/** One named field of an input. */
export type InputField = { readonly name: string; readonly schema: JsonSchema; readonly required: boolean };

/** The fields of an object, in order; those of a choice of objects together, required where every choice does. */
export function fieldsOf(schema: JsonSchema): InputField[] {
  const variants = variantsOf(schema);
  const names = [...new Set(variants.flatMap(({ properties = {} }) => Object.keys(properties)))];
  return names.map((name) => ({
    name,
    schema:
      variants.map(({ properties = {} }) => properties[name]).find((found) => found !== undefined) ?? {},
    required: variants.every(({ required = [] }) => required.includes(name)),
  }));
}

function variantsOf(schema: JsonSchema): readonly JsonSchema[] {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.flatMap(variantsOf);
  if (schema.allOf !== undefined) return schema.allOf.flatMap(variantsOf);
  return [schema];
}
