/** `.sops.yaml`: who may read a file that is written, and what stands in plaintext in it. Pure. */
export {
  matchingRule,
  nameRuleOf,
  parseRules,
  recipientsOf,
  ruleFor,
  type CreationRule,
  type NameRule,
  type RuleFile,
} from "./creation.ts";
