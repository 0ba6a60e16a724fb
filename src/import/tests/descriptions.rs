//! Descriptions as people write them: lists, references that go round, forms, servers.

use super::held;
use crate::import::openapi;

const PAYMENTS: &str = r##"
openapi: 3.1.0
servers: [{ url: "https://{region}.example.com/{base}", variables: { region: { default: eu }, base: { default: v9 } } }]
security: [{ sid: [] }]
paths:
  /payments:
    post:
      operationId: pay
      requestBody: { content: { application/vnd.pay+json: { schema: { $ref: "#/components/schemas/Payment" } } } }
      responses:
        201:
          headers: { Location: { required: true, schema: { type: string } }, X-Free: { schema: { type: string } } }
          content: { application/vnd.pay+json: { schema: { $ref: "#/components/schemas/Payment" } } }
    get:
      operationId: payments
      parameters:
        - { name: "filter[status]", in: query, required: true, schema: { $ref: "#/components/schemas/Status" } }
        - { name: page, in: query, required: true, examples: { first: { $ref: "#/components/examples/page" } } }
      responses:
        200:
          content:
            "*/*":
              schema:
                type: object
                required: [data, "odd key", "it's"]
                properties:
                  data: { type: array, items: { $ref: "#/components/schemas/Payment" } }
                  odd key: { type: [string, "null"] }
                  "it's": { type: array, items: { type: array, items: { type: number, nullable: true } } }
components:
  securitySchemes: { sid: { type: apiKey, in: cookie, name: sid } }
  examples: { page: { value: 7 } }
  schemas:
    Status: { type: string, enum: [open, closed] }
    Money:
      type: object
      required: [amount, currency]
      properties:
        amount: { type: integer, exclusiveMinimum: 100 }
        currency: { type: string, minLength: 3, maxLength: 3 }
    Card: { type: object, required: [kind, digits], properties: { kind: { const: card }, digits: { type: string, pattern: "^[0-9]+$" } } }
    Bank: { type: object, required: [kind, iban], properties: { kind: { const: bank }, iban: { type: string } } }
    Tree:
      type: object
      required: [name, children]
      properties: { name: { type: string }, children: { type: array, items: { $ref: "#/components/schemas/Tree" } } }
    Payment:
      type: object
      required: [id, status, money, method, tree, lines, note, closed, payer]
      properties:
        id: { type: string, format: uuid, readOnly: true }
        status: { allOf: [ { $ref: "#/components/schemas/Status" } ], description: of the payment }
        money: { $ref: "#/components/schemas/Money" }
        method: { oneOf: [ { $ref: "#/components/schemas/Card" }, { $ref: "#/components/schemas/Bank" } ] }
        tree: { $ref: "#/components/schemas/Tree" }
        lines: { type: array, minItems: 2, items: { $ref: "#/components/schemas/Money" } }
        note: { type: string, writeOnly: true }
        closed: { type: [string, "null"], format: date-time }
        payer: { anyOf: [ { type: "null" }, { $ref: "#/components/schemas/Money" } ] }
"##;

#[test]
fn lists_forms_and_references_that_go_round_are_followed_as_far_as_they_can_be() {
    for operation in ["pay", "payments"] {
        let table = openapi(PAYMENTS, Some(operation), operation).expect("is read");
        held(&table);
        insta::assert_snapshot!(format!("openapi_{operation}"), table);
    }
}

fn of_schemas(body: &str, schemas: &str) -> String {
    let text = format!(
        r#"{{"openapi":"3.0.0","paths":{{"/a":{{"post":{{"requestBody":{{"content":{{"application/json":
           {{"schema":{body}}}}}}},"responses":{{"200":{{"content":{{"application/json":{{"schema":{body}}}}}}}}}}}}}}},
           "components":{{"schemas":{schemas}}}}}"#
    );
    let table = openapi(&text, None, "x").expect("is read");
    held(&table);
    table
}

#[test]
fn a_schema_that_needs_itself_makes_no_body_and_is_told() {
    let endless = r##"{"A":{"type":"object","required":["next"],"properties":{"next":{"$ref":"#/components/schemas/A"}}},
                      "B":{"$ref":"#/components/schemas/B"}}"##;
    let table = of_schemas(r##"{"$ref":"#/components/schemas/A"}"##, endless);
    assert!(table.contains("has no end") && !table.contains("json = null"), "{table}");
    assert!(table.contains(r#"json = { "$" = "object", "$.next" = "object" }"#), "{table}");
    of_schemas(r##"{"$ref":"#/components/schemas/B"}"##, endless);
}

#[test]
fn schemas_that_branch_without_end_are_read_as_far_as_the_bound() {
    let names = || (0..40).map(|n| format!("A{n}"));
    let references: Vec<String> =
        names().map(|name| format!("{{\"$ref\":\"#/components/schemas/{name}\"}}")).collect();
    let all_of = format!("{{\"allOf\":[{}]}}", references.join(","));
    let one_of = format!("{{\"oneOf\":[{}]}}", references.join(","));
    let fields: Vec<String> =
        names().zip(&references).map(|(name, schema)| format!("\"{name}\":{schema}")).collect();
    let fields = format!("{{\"properties\":{{{}}}}}", fields.join(","));
    for schema in [all_of, one_of, fields] {
        let every: Vec<String> = names().map(|name| format!("\"{name}\":{schema}")).collect();
        of_schemas(&references[0], &format!("{{{}}}", every.join(",")));
    }
}

#[test]
fn what_is_not_in_the_file_is_told() {
    let table = of_schemas(r#"{"$ref":"other.yaml"}"#, "{}");
    assert!(table.contains("# `other.yaml` isn't in this file: it stayed behind"), "{table}");
    assert!(table.contains(r#"json = { "$" = "present" }"#), "{table}");
}
