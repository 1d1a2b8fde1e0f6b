internal import FoundationEssentials
internal import HTTPTypes

/// What becomes of a deleted Job's Pods.
///
/// Leaving them behind, the API server's default, is not offered.
public enum Propagation: String, Sendable {
    /// The Pods are stopped first; the Job, and with it its name, stays until the last one is gone.
    case foreground = "Foreground"
    /// The Job goes at once (or once its finalizers are gone) and its Pods are stopped after that.
    case background = "Background"
}

/// How strictly the API server takes a document's fields.
public enum FieldValidation: String, Sendable {
    /// Unknown fields are refused.
    case strict = "Strict"
    /// Unknown fields are dropped with a warning.
    case warn = "Warn"
}

/// A created Job, and what the API server warns of.
public struct CreatedJob: Sendable {
    /// The Job as the API server stores it; of a dry run, as it would.
    public var job: Job
    /// Warnings in the server's own words, such as a Pod Security level that the Pod will violate.
    public var warnings: [String]

    /// Puts a result together.
    public init(job: Job, warnings: [String] = []) {
        self.job = job
        self.warnings = warnings
    }
}

/// What has come of a deletion.
public enum JobDeletion: Sendable {
    /// The Job is gone.
    case gone
    /// The Job is marked and stays until its Pods or finalizers are gone.
    case pending(Job)
}

/// A change to an object.
public enum ObjectPatch: Sendable {
    /// Members replace those of the object, `null` removes. Spec: RFC 7396.
    case merge(JSONValue)
    /// Operations, all or none. Spec: RFC 6902.
    case operations([Operation])

    /// One step of a change.
    ///
    /// Paths are JSON pointers, in which `/` within a name is `~1`.
    public enum Operation: Sendable {
        /// Fails unless there is this value.
        case test(path: String, value: JSONValue)
        /// Adds a member or element.
        case add(path: String, value: JSONValue)
        /// Replaces one that exists.
        case replace(path: String, value: JSONValue)
        /// Removes one that exists.
        case remove(path: String)

        var document: JSONValue {
            switch self {
            case .test(let path, let value): ["op": "test", "path": .string(path), "value": value]
            case .add(let path, let value): ["op": "add", "path": .string(path), "value": value]
            case .replace(let path, let value): ["op": "replace", "path": .string(path), "value": value]
            case .remove(let path): ["op": "remove", "path": .string(path)]
            }
        }
    }
}

extension KubernetesClient {
    /// Creates a Job.
    ///
    /// Of any number of simultaneous calls with the same name exactly one succeeds.
    ///
    /// Never repeated by itself but after a 429. After a failure with
    /// ``KubernetesError/Code/unreachable`` or ``KubernetesError/Code/timeout`` the Job may exist.
    /// - Parameters:
    ///   - manifest: the whole document.
    ///   - isDryRun: checks everything and stores nothing.
    ///   - validation: what happens to unknown fields; the API server's default is to drop them with a warning.
    /// - Throws: ``KubernetesError``, with ``KubernetesError/Code/alreadyExists`` or
    ///   ``KubernetesError/Code/alreadyExistsDeleting`` for a name that is taken.
    public func createJob(
        _ manifest: JSONValue, isDryRun: Bool = false, validation: FieldValidation? = nil
    ) async throws -> CreatedJob {
        let name = manifest["metadata"]?["name"]?.string
        let operation = operation("create", .jobs, object: name)
        var call = Call(operation: operation, method: .post, path: path(.jobs), body: manifest.json())
        if isDryRun { call.query.append(("dryRun", "All")) }
        if let validation { call.query.append(("fieldValidation", validation.rawValue)) }
        let answer = try await answer(to: call)
        let job = try decoded(Job.self, from: answer.body, of: operation, kind: "Job")
        return CreatedJob(job: job, warnings: warnings(in: answer.fields))
    }

    /// Reads a Job.
    /// - Throws: ``KubernetesError``, with ``KubernetesError/Code/notFound`` when the API server says that there is none.
    public func job(named name: String) async throws -> Job { try await object(named: name) }

    func object<Object: KubernetesObject>(named name: String) async throws -> Object {
        let operation = operation("get", Object.kind, object: name)
        let call = Call(operation: operation, path: path(Object.kind, try checked(name, operation)))
        return try decoded(
            Object.self, from: try await answer(to: call).body, of: operation, kind: Object.kind.kind)
    }

    /// Deletes a Job.
    /// - Parameters:
    ///   - propagation: what becomes of its Pods.
    ///   - uid: deletes only the object with this uid and none that has taken its name since.
    ///   - resourceVersion: deletes only this version of the object.
    /// - Throws: ``KubernetesError``, with ``KubernetesError/Code/conflict`` when uid or version are others.
    public func deleteJob(
        named name: String, propagation: Propagation, uid: String? = nil, resourceVersion: String? = nil
    ) async throws -> JobDeletion {
        let operation = operation("delete", .jobs, object: name)
        var options: JSONValue = [
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": .string(propagation.rawValue),
        ]
        if let uid { options["preconditions", default: [:]]["uid"] = .string(uid) }
        if let resourceVersion {
            options["preconditions", default: [:]]["resourceVersion"] = .string(resourceVersion)
        }
        let call = Call(
            operation: operation, method: .delete, path: path(.jobs, try checked(name, operation)),
            body: options.json())
        let body = try await answer(to: call).body
        // The answer is the Job as long as something holds it, else a Status.
        if let status = try? decoded(Status.self, from: body, of: operation, kind: "Status") {
            guard status.status == "Success" else {
                throw KubernetesError(.malformedAnswer, operation, message: "a failure with a status of success")
            }
            return .gone
        }
        return .pending(try decoded(Job.self, from: body, of: operation, kind: "Job"))
    }

    /// Changes a Job.
    ///
    /// With a `resourceVersion` in a merge, or a `test` among the operations, only the version that the caller knows.
    /// - Returns: the Job after the change; if it removed the last finalizer of a deleted Job, the Job is gone with it.
    /// - Throws: ``KubernetesError``, with ``KubernetesError/Code/conflict`` for another version and
    ///   ``KubernetesError/Code/invalid`` for a test that does not hold.
    public func patchJob(named name: String, _ patch: ObjectPatch) async throws -> Job {
        let operation = operation("patch", .jobs, object: name)
        var call = Call(operation: operation, method: .patch, path: path(.jobs, try checked(name, operation)))
        switch patch {
        case .merge(let document):
            call.contentType = "application/merge-patch+json"
            call.body = document.json()
        case .operations(let operations):
            call.contentType = "application/json-patch+json"
            call.body = JSONValue.array(operations.map(\.document)).json()
        }
        return try decoded(Job.self, from: try await answer(to: call).body, of: operation, kind: "Job")
    }
}

extension JSONValue {
    fileprivate subscript(name: String, default value: JSONValue) -> JSONValue {
        get { self[name] ?? value }
        set { self[name] = newValue }
    }
}
