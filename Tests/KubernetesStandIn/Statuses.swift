import KubernetesClient

/// A refusal, in the words of the API server.
struct Refusal: Error {
    var code: Int
    var reason: String?
    var message: String
    var details: JSONValue?
    var metadata: JSONValue = [:]
    var fields: [(name: String, value: String)] = []

    var document: JSONValue {
        var document: JSONValue = [
            "kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure",
            "message": .string(message),
        ]
        if let reason { document["reason"] = .string(reason) }
        if let details { document["details"] = details }
        document["code"] = .number(JSONNumber(code))
        return document
    }

    static func details(_ name: String?, _ kind: ResourceKind, kindName: String? = nil, causes: [JSONValue] = [])
        -> JSONValue
    {
        var details: JSONValue = [:]
        if let name { details["name"] = .string(name) }
        if !kind.group.isEmpty { details["group"] = .string(kind.group) }
        details["kind"] = .string(kindName ?? kind.resource)
        if !causes.isEmpty { details["causes"] = .array(causes) }
        return details
    }

    static func notFound(_ name: String, _ kind: ResourceKind) -> Refusal {
        Refusal(
            code: 404, reason: "NotFound", message: "\(kind.fullName) \"\(name)\" not found",
            details: details(name, kind))
    }

    static let unknownPath = Refusal(
        code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: [:])

    static func alreadyExists(_ name: String, _ kind: ResourceKind, isBeingDeleted: Bool) -> Refusal {
        Refusal(
            code: 409, reason: "AlreadyExists",
            message: (isBeingDeleted ? "object is being deleted: " : "")
                + "\(kind.fullName) \"\(name)\" already exists",
            details: details(name, kind))
    }

    static func modified(_ name: String, _ kind: ResourceKind) -> Refusal {
        Refusal(
            code: 409, reason: "Conflict",
            message: "Operation cannot be fulfilled on \(kind.fullName) \"\(name)\": the object has been modified; "
                + "please apply your changes to the latest version and try again",
            details: details(name, kind))
    }

    static func otherUID(_ name: String, _ kind: ResourceKind, asked: String, found: String) -> Refusal {
        Refusal(
            code: 409, reason: "Conflict",
            message:
                "Operation cannot be fulfilled on \(kind.kindName) \"\(name)\": the UID in the precondition (\(asked)) "
                + "does not match the UID in record (\(found)). The object might have been deleted and then recreated",
            details: details(name, kind, kindName: kind.kind))
    }

    static func otherVersion(_ name: String, _ kind: ResourceKind, asked: String, found: String) -> Refusal {
        Refusal(
            code: 409, reason: "Conflict",
            message: "Operation cannot be fulfilled on \(kind.kindName) \"\(name)\": the ResourceVersion in the "
                + "precondition (\(asked)) does not match the ResourceVersion in record (\(found)). "
                + "The object might have been modified",
            details: details(name, kind, kindName: kind.kind))
    }

    static func forbidden(user: String, verb: String, resource: String, group: String, namespace: String) -> Refusal {
        let shown = group.isEmpty ? resource : "\(resource).\(group)"
        let place = namespace == Route.cluster ? "at the cluster scope" : "in the namespace \"\(namespace)\""
        let details: JSONValue =
            group.isEmpty
            ? ["kind": .string(resource)] : ["group": .string(group), "kind": .string(resource)]
        return Refusal(
            code: 403, reason: "Forbidden",
            message: "\(shown) is forbidden: User \"\(user)\" cannot \(verb) resource \"\(resource)\" in API group "
                + "\"\(group)\" \(place)",
            details: details)
    }

    static func quota(_ name: String, used: Int, limit: Int) -> Refusal {
        Refusal(
            code: 403, reason: "Forbidden",
            message: "jobs.batch \"\(name)\" is forbidden: exceeded quota: builds, requested: count/jobs.batch=1, "
                + "used: count/jobs.batch=\(used), limited: count/jobs.batch=\(limit)",
            details: details(name, .jobs))
    }

    static let unauthorized = Refusal(code: 401, reason: "Unauthorized", message: "Unauthorized")

    static func badRequest(_ message: String) -> Refusal {
        Refusal(code: 400, reason: "BadRequest", message: message)
    }

    /// One or more fields that do not hold; `reason` is `FieldValueInvalid` or `FieldValueRequired`.
    static func invalid(
        _ name: String, _ kind: ResourceKind, shownKind: String? = nil, detailKind: String? = nil,
        _ causes: [(reason: String, field: String, message: String)]
    ) -> Refusal {
        // The same finding is told once per field it came from, and once in the message.
        var shown: [String] = []
        for cause in causes where !shown.contains("\(cause.field): \(cause.message)") {
            shown.append("\(cause.field): \(cause.message)")
        }
        let list = shown.count == 1 ? shown[0] : "[\(shown.joined(separator: ", "))]"
        return Refusal(
            code: 422, reason: "Invalid", message: "\(shownKind ?? kind.kindName) \"\(name)\" is invalid: \(list)",
            details: details(
                name, kind, kindName: detailKind ?? kind.kind,
                causes: causes.map {
                    [
                        "reason": .string($0.reason), "message": .string($0.message), "field": .string($0.field),
                    ]
                }))
    }

    static let unsupportedMediaType = Refusal(
        code: 415, reason: "UnsupportedMediaType", message: "415: Unsupported Media Type", details: [:])

    static let patchTestFailed = Refusal(
        code: 422, reason: "Invalid", message: "the server rejected our request due to an error in our request",
        details: [:])
}

extension ResourceKind {
    /// As messages about objects name it, such as `jobs.batch`.
    var fullName: String { group.isEmpty ? resource : "\(resource).\(group)" }
    /// As messages about the kind name it, such as `Job.batch`.
    var kindName: String { group.isEmpty ? kind : "\(kind).\(group)" }
}
