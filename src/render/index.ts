export { LIST_FILES, readList, writeList } from "./lists.ts";
export type { ListFormat } from "./lists.ts";
export { renderTemplate } from "./render.ts";
export type { Values } from "./render.ts";
export { parseTemplate } from "./template.ts";
export type { TemplateFile } from "./template.ts";
