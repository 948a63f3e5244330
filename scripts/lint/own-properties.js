import ts from 'typescript';

/**
 * Finds lookups whose name can come from a request, a provider or a stored value, and that therefore must not find what every
 * object inherits (`constructor`, `__proto__`, `toString`): `name in object`, and `object[name]` where the object's type is
 * open (`Record<string, …>`) and the name is any text. `own(object, name)` of src/text/own.ts and `Map` do not.
 */
export const ownProperties = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      in: 'Every object has members of other names (`constructor`): use Object.hasOwn(object, name).',
      lookup: 'Every object has members of other names (`constructor`): use own(object, name) of text/own, or a Map.',
    },
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    const checker = services.program.getTypeChecker();
    const isAnyText = (node) => services.getTypeAtLocation(node).flags & ts.TypeFlags.String;
    const isOpen = (node) => {
      const type = checker.getNonNullableType(services.getTypeAtLocation(node));
      const parts = type.isUnion() ? type.types : [type];
      return parts.some((part) =>
        checker.getIndexInfosOfType(part).some(({ keyType }) => keyType.flags & ts.TypeFlags.String),
      );
    };
    return {
      "BinaryExpression[operator='in']": (node) => {
        if (node.left.type !== 'Literal' && node.left.type !== 'PrivateIdentifier') {
          context.report({ node, messageId: 'in' });
        }
      },
      'MemberExpression[computed=true]': (node) => {
        if (isAnyText(node.property) && isOpen(node.object)) context.report({ node, messageId: 'lookup' });
      },
    };
  },
};
