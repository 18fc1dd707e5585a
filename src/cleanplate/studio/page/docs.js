// Lays out what the program says of itself; nothing is loaded from elsewhere.
const make = (name, text = "", ...inside) => {
  const element = document.createElement(name);
  element.append(text, ...inside);
  return element;
};
const table = (rows) => make("table", "", ...rows.map((row) => make("tr", "", ...row.map((cell) => make("td", "", cell)))));
const kind = (schema = {}) =>
  schema.enum?.join(" | ") ?? schema.anyOf?.map(kind).filter((one) => one !== "null").join(" | ")
  ?? (schema.contentMediaType || schema.format === "binary" ? "file" : schema.type ?? "");

const api = await (await fetch("/openapi.json")).json();
document.getElementById("summary").textContent = `${api.info.summary} Version ${api.info.version}.`;
const resolve = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema);

function fields(operation) {
  const rows = (operation.parameters ?? []).map((one) => [make("code", one.name), kind(one.schema), one.description ?? ""]);
  const content = operation.requestBody?.content ?? {};
  for (const body of Object.values(content)) {
    const schema = resolve(body.schema);
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const needed = schema.required?.includes(name) ? "needed. " : field.default !== undefined ? `${field.default} if left out. ` : "";
      rows.push([make("code", name), kind(field), needed + (field.description ?? "")]);
    }
  }
  return rows;
}

function example(method, path, operation) {
  const content = operation.requestBody?.content ?? {};
  const body = resolve(Object.values(content)[0]?.schema);
  const sent = (body?.required ?? []).map((name) => ` \\\n  -F ${name}=@${name}.jpg`).join("");
  const output = Object.keys(operation.responses["200"]?.content ?? {}).includes("application/octet-stream") ? " -o out" : "";
  return `curl -X ${method.toUpperCase()} ${location.origin}${path} -H "Authorization: Bearer TOKEN"${sent}${output}`;
}

const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const name = operation.tags?.[0] ?? "other";
    if (!groups.has(name)) groups.set(name, []);
    const title = make("summary", "", make("b", method.toUpperCase()), make("code", path), make("span", operation.description ?? ""));
    const answers = Object.entries(operation.responses).map(([status, answer]) => [make("code", status), answer.description]);
    groups.get(name).push(make("details", "", title, table(fields(operation)), table(answers), make("pre", example(method, path, operation))));
  }
}
for (const [name, entries] of groups) document.getElementById("routes").append(make("h2", name), ...entries);
