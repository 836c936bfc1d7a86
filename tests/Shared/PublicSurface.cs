using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Sockeye.Testing;

/// <summary>Writes down what an assembly offers: a line for each type and for each member, in a stable order.</summary>
internal static class PublicSurface
{
    private const string AcceptVariable = "SOCKEYE_ACCEPT_SURFACE";

    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext Nullability = new();

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void", [typeof(object)] = "object", [typeof(string)] = "string", [typeof(bool)] = "bool", [typeof(char)] = "char",
        [typeof(byte)] = "byte", [typeof(sbyte)] = "sbyte", [typeof(short)] = "short", [typeof(ushort)] = "ushort", [typeof(int)] = "int",
        [typeof(uint)] = "uint", [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(nint)] = "nint", [typeof(nuint)] = "nuint",
        [typeof(float)] = "float", [typeof(double)] = "double", [typeof(decimal)] = "decimal",
    };

    /// <summary>Compares an assembly with its reviewed text in <c>tests/PublicSurface</c>.</summary>
    /// <returns>What to tell where they differ; null where they are the same.</returns>
    public static string? Review(Assembly assembly)
    {
        string name = assembly.GetName().Name!;
        string path = Path.Combine(Checkout.Root, "tests", "PublicSurface", name + ".txt");
        string actual = Describe(assembly);
        if (Environment.GetEnvironmentVariable(AcceptVariable) == "1")
        {
            File.WriteAllText(path, actual);
            return null;
        }

        string[] reviewed = File.Exists(path) ? File.ReadAllLines(path) : [];
        string[] lines = actual.TrimEnd('\n').Split('\n');
        if (reviewed.SequenceEqual(lines, StringComparer.Ordinal))
            return null;
        string[] before = Qualify(reviewed), now = Qualify(lines);
        return $"The public surface of {name} is not the one that was reviewed.\n"
            + string.Concat(before.Except(now).Select(line => $"  gone: {line}\n"))
            + string.Concat(now.Except(before).Select(line => $"  new:  {line}\n"))
            + $"Where that is meant, run the tests once with {AcceptVariable}=1, which rewrites {path}, and commit the difference.";
    }

    /// <summary>Describes all that is public or protected in an assembly.</summary>
    public static string Describe(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (Type type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            text.Append(TypeLine(type)).Append('\n');
            if (!typeof(Delegate).IsAssignableFrom(type))
            {
                foreach (string member in type.IsEnum ? EnumLines(type) : MemberLines(type))
                    text.Append("    ").Append(member).Append('\n');
            }

            text.Append('\n');
        }

        return text.ToString().TrimEnd('\n') + "\n";
    }

    // A member alone does not tell whose it is.
    private static string[] Qualify(string[] lines)
    {
        string type = "";
        return [.. lines.Select(line => line.StartsWith(' ') ? $"{type}: {line.Trim()}" : type = line)];
    }

    private static string TypeLine(Type type)
    {
        string attributes = Attributes(type);
        string name = (type.Namespace is { } space ? space + "." : "") + Name(type);
        if (typeof(Delegate).IsAssignableFrom(type))
        {
            MethodInfo invoke = type.GetMethod("Invoke")!;
            return $"{attributes}delegate {Return(invoke)} {name}{Parameters(invoke)}";
        }

        bool isRecord = type.GetMethod("PrintMembers", Declared) is not null;
        bool isReadOnly = type.IsDefined(typeof(IsReadOnlyAttribute), false);
        string kind = type switch
        {
            { IsEnum: true } => "enum",
            { IsInterface: true } => "interface",
            { IsValueType: true } =>
                (isReadOnly ? "readonly " : "") + (type.IsByRefLike ? "ref " : "") + (isRecord ? "record " : "") + "struct",
            { IsAbstract: true, IsSealed: true } => "static class",
            _ => (type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "") + (isRecord ? "record" : "class"),
        };
        return $"{attributes}{kind} {name}{Bases(type)}";
    }

    private static string Bases(Type type)
    {
        if (type.IsEnum)
            return Enum.GetUnderlyingType(type) is var underlying && underlying == typeof(int) ? "" : " : " + Name(underlying);

        List<Type> bases = type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) ? [parent] : [];
        // Interfaces that others bring along are theirs; a record's IEquatable goes without saying.
        Type[] interfaces = [.. type.GetInterfaces().Where(i => i.IsPublic && !IsOwnEquatable(i))];
        bases.AddRange(interfaces
            .Where(i => !interfaces.Any(other => other != i && i.IsAssignableFrom(other)))
            .Where(i => type.BaseType?.GetInterfaces().Contains(i) is not true)
            .OrderBy(Name, StringComparer.Ordinal));
        return bases.Count == 0 ? "" : " : " + string.Join(", ", bases.Select(Name));

        bool IsOwnEquatable(Type i) =>
            i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IEquatable<>) && i.GenericTypeArguments[0] == type;
    }

    private static IEnumerable<string> EnumLines(Type type) =>
        from field in type.GetFields(BindingFlags.Public | BindingFlags.Static)
        let value = Convert.ToInt64(field.GetRawConstantValue(), CultureInfo.InvariantCulture)
        orderby value
        select $"{Attributes(field)}{field.Name} = {value}";

    private static IEnumerable<string> MemberLines(Type type)
    {
        IEnumerable<(int Order, string Name, string Line)> lines =
        [
            .. from field in type.GetFields(Declared)
               where IsSeen(field)
               select (field.IsLiteral ? 0 : 1, field.Name, Field(field)),
            .. from constructor in type.GetConstructors(Declared)
               where IsSeen(constructor)
               select (2, "", $"{Attributes(constructor)}{Access(constructor)}new{Parameters(constructor)}"),
            .. from property in type.GetProperties(Declared)
               where property.GetAccessors(nonPublic: true).Any(IsSeen) && !IsGenerated(property)
               select (3, property.Name, Property(property)),
            .. from e in type.GetEvents(Declared)
               where IsSeen(e.AddMethod!)
               select (4, e.Name, Event(e)),
            .. from method in type.GetMethods(Declared)
               where IsOrdinary(method)
               select (5, method.Name, Method(method)),
        ];
        return lines
            .OrderBy(line => line.Order)
            .ThenBy(line => line.Name, StringComparer.Ordinal)
            .ThenBy(line => line.Line, StringComparer.Ordinal)
            .Select(line => line.Line);
    }

    private static string Event(EventInfo e) =>
        $"{Attributes(e)}{Modifiers(e.AddMethod!)}event {Typed(e.EventHandlerType!, Nullability.Create(e))} {e.Name}";

    private static string Field(FieldInfo field)
    {
        string type = Typed(field.FieldType, Nullability.Create(field));
        string access = field.IsPublic ? "" : "protected ";
        if (field.IsLiteral)
            return $"{Attributes(field)}{access}const {type} {field.Name} = {Literal(field.GetRawConstantValue(), field.FieldType)}";
        return $"{Attributes(field)}{access}{(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}{type} {field.Name}";
    }

    private static string Property(PropertyInfo property)
    {
        MethodInfo[] accessors = [.. property.GetAccessors(nonPublic: true).Where(IsSeen)];
        bool isWidelySeen = accessors.Any(accessor => accessor.IsPublic);
        string required = property.IsDefined(typeof(RequiredMemberAttribute), false) ? "required " : "";
        ParameterInfo[] index = property.GetIndexParameters();
        string name = index.Length > 0 ? $"this[{string.Join(", ", index.Select(Parameter))}]" : property.Name;
        string body = string.Concat(accessors.Select(accessor =>
            (isWidelySeen && !accessor.IsPublic ? "protected " : "")
            + (accessor == property.GetMethod ? "get" : IsInit(accessor) ? "init" : "set") + "; "));
        string type = Typed(property.PropertyType, Nullability.Create(property));
        return $"{Attributes(property)}{Modifiers(accessors[0])}{required}{type} {name} {{ {body}}}";
    }

    private static string Method(MethodInfo method)
    {
        string generic = method.IsGenericMethodDefinition
            ? $"<{string.Join(", ", method.GetGenericArguments().Select(argument => argument.Name))}>"
            : "";
        string constraints = method.IsGenericMethodDefinition ? Constraints(method.GetGenericArguments()) : "";
        return $"{Attributes(method)}{Modifiers(method)}{Return(method)} {method.Name}{generic}{Parameters(method)}{constraints}";
    }

    private static string Return(MethodInfo method) => Typed(method.ReturnType, Nullability.Create(method.ReturnParameter));

    private static string Parameters(MethodBase method)
    {
        string first = method.IsDefined(typeof(ExtensionAttribute), false) ? "this " : "";
        return $"({first}{string.Join(", ", method.GetParameters().Select(Parameter))})";
    }

    private static string Parameter(ParameterInfo parameter)
    {
        string mode = parameter switch
        {
            { ParameterType.IsByRef: true, IsOut: true } => "out ",
            { ParameterType.IsByRef: true, IsIn: true } => "in ",
            { ParameterType.IsByRef: true } => "ref ",
            _ when parameter.IsDefined(typeof(ParamArrayAttribute), false) => "params ",
            _ when parameter.IsDefined(typeof(ParamCollectionAttribute), false) => "params ",
            _ => "",
        };
        string conditions = string.Concat(parameter.GetCustomAttributes()
            .Select(attribute => attribute switch
            {
                NotNullWhenAttribute when_ => $"[NotNullWhen({(when_.ReturnValue ? "true" : "false")})] ",
                MaybeNullWhenAttribute when_ => $"[MaybeNullWhen({(when_.ReturnValue ? "true" : "false")})] ",
                _ => "",
            })
            .Order(StringComparer.Ordinal));
        string type = Typed(parameter.ParameterType, Nullability.Create(parameter));
        string initial = parameter.HasDefaultValue ? " = " + Literal(parameter.DefaultValue, parameter.ParameterType) : "";
        return $"{conditions}{mode}{type} {parameter.Name}{initial}";
    }

    private static string Typed(Type type, NullabilityInfo nullability)
    {
        if (type.IsByRef)
            return Typed(type.GetElementType()!, nullability);
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return Name(underlying) + "?";

        string mark = !type.IsValueType && nullability.ReadState == NullabilityState.Nullable ? "?" : "";
        if (type.IsArray)
        {
            string element = nullability.ElementType is { } inner ? Typed(type.GetElementType()!, inner) : Name(type.GetElementType()!);
            return element + "[]" + mark;
        }

        if (!type.IsGenericType || nullability.GenericTypeArguments.Length != type.GenericTypeArguments.Length)
            return Name(type) + mark;
        int next = 0;
        return Name(type, argument => Typed(argument, nullability.GenericTypeArguments[next++])) + mark;
    }

    private static string Name(Type type) => Name(type, Name);

    private static string Name(Type type, Func<Type, string> argumentName)
    {
        if (Keywords.TryGetValue(type, out string? keyword))
            return keyword;
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[]";
        if (type.IsPointer)
            return Name(type.GetElementType()!) + "*";
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return Name(underlying) + "?";

        string prefix = type is { IsNested: true, IsGenericParameter: false } ? Name(type.DeclaringType!) + "." : "";
        if (!type.IsGenericType)
            return prefix + type.Name;
        Type[] arguments = type.GetGenericArguments();
        string name = type.Name.Split('`')[0];
        string constraints = type.IsGenericTypeDefinition ? Constraints(arguments) : "";
        // A type nested in a generic one carries the arguments of the outer one and may add none.
        return type.Name.Contains('`', StringComparison.Ordinal)
            ? $"{prefix}{name}<{string.Join(", ", arguments.Select(argumentName))}>{constraints}"
            : prefix + name;
    }

    private static string Constraints(Type[] arguments) => string.Concat(arguments.Select(argument =>
    {
        GenericParameterAttributes special = argument.GenericParameterAttributes;
        bool isUnmanaged = argument.GetCustomAttributes().Any(attribute => attribute.GetType().Name == "IsUnmanagedAttribute");
        List<string> all = [];
        if (isUnmanaged)
            all.Add("unmanaged");
        else if (special.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint))
            all.Add("struct");
        if (special.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint))
            all.Add("class");
        all.AddRange(argument.GetGenericParameterConstraints().Where(type => type != typeof(ValueType)).Select(Name));
        bool isValueType = special.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint);
        if (special.HasFlag(GenericParameterAttributes.DefaultConstructorConstraint) && !isValueType)
            all.Add("new()");
        if (special.HasFlag(GenericParameterAttributes.AllowByRefLike))
            all.Add("allows ref struct");
        return all.Count == 0 ? "" : $" where {argument.Name} : {string.Join(", ", all)}";
    }));

    private static string Literal(object? value, Type type)
    {
        bool isNullable = !type.IsValueType || Nullable.GetUnderlyingType(type) is not null;
        type = Nullable.GetUnderlyingType(type) ?? type;
        return value switch
        {
            null => isNullable ? "null" : "default",
            string text => $"\"{text}\"",
            char c => $"'{c}'",
            bool b => b ? "true" : "false",
            _ when type.IsEnum => $"{Name(type)}.{Enum.ToObject(type, value)}",
            _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        };
    }

    private static string Modifiers(MethodBase method)
    {
        bool isInterface = method.DeclaringType!.IsInterface;
        string kind = method switch
        {
            { IsStatic: true } => "static ",
            _ when isInterface => "",
            { IsAbstract: true } => "abstract ",
            MethodInfo { IsVirtual: true } info when info.GetBaseDefinition() != info => "override ",
            { IsVirtual: true, IsFinal: false } => "virtual ",
            _ => "",
        };
        return Access(method) + kind;
    }

    private static string Access(MethodBase method) => method.IsPublic ? "" : "protected ";

    private static string Attributes(MemberInfo member) => string.Concat(member.GetCustomAttributes(inherit: false)
        .Select(attribute => attribute switch
        {
            FlagsAttribute => "[Flags] ",
            // The compiler marks so what older compilers do not know: ref structs, required members.
            ObsoleteAttribute obsolete when !member.IsDefined(typeof(CompilerFeatureRequiredAttribute), false) =>
                $"[Obsolete(\"{obsolete.Message}\")] ",
            ExperimentalAttribute experimental => $"[Experimental(\"{experimental.DiagnosticId}\")] ",
            _ => "",
        })
        .Order(StringComparer.Ordinal));

    private static bool IsSeen(FieldInfo field) => field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly;

    private static bool IsSeen(MethodBase method) =>
        (method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly) && (!method.IsConstructor || !IsGenerated(method));

    private static bool IsOrdinary(MethodInfo method) =>
        IsSeen(method) && !IsGenerated(method)
        && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal));

    // What a record brings along by itself.
    private static bool IsGenerated(MemberInfo member) => member.IsDefined(typeof(CompilerGeneratedAttribute), false);

    private static bool IsInit(MethodInfo setter) =>
        setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit));
}
