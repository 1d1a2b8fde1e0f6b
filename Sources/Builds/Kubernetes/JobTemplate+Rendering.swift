internal import FoundationEssentials
internal import HTTPTransport
internal import KubernetesClient
internal import OCIDistribution
internal import SemanticVersions

extension JobTemplate {
    /// The Job of a plan: placeholders filled in, and everything else set by the name of its variable, argument,
    /// label or annotation.
    ///
    /// It is suspended, and whoever creates it resumes it once they have asked cluster and registry again: between the
    /// listings that led to the plan and the create, another build may have held the name, been cancelled and pushed with
    /// its last breath, or one with the same key may have been made, and no listing shows that. A Job that runs from the
    /// start might push over the one, and build again what the other builds.
    /// - Parameters:
    ///   - namespace: Where the Job goes, whatever the template says.
    ///   - reservation: Unlike that of any other create.
    ///   - options: What the operator wants of every Job.
    /// - Throws: ``InvalidInput`` for a value with `$`, which Kubernetes would expand.
    func render(
        _ plan: BuildPlan, namespace: String, reservation: String, options: JobOptions = JobOptions()
    ) throws(InvalidInput) -> JSONValue {
        let values: [Placeholder: String] = [
            .jobName: plan.id.description, .webappName: plan.webapp.description, .gitURL: plan.git.url,
            .gitSubdirectory: plan.git.subdirectory, .image: plan.image.description,
        ]
        let gitRef = plan.git.commit ?? plan.git.ref
        for (field, value) in [
            ("git.url", plan.git.url), ("git.subdirectory", plan.git.subdirectory), ("git.ref", gitRef),
            ("image", plan.image.description),
        ] where value.contains("$") {
            throw InvalidInput(
                field: field,
                "\(InvalidInput.quoted(value.withoutUserInfo)) contains '$', which Kubernetes would expand")
        }
        var job = document.filled { text in
            Placeholder.allCases.first { $0.text == text }.flatMap { values[$0] }
        }
        job.change("metadata") { metadata in
            metadata["namespace"] = .string(namespace)
            metadata.merge("labels", Self.labels(of: plan))
            metadata.merge("annotations", Self.annotations(of: plan, reservation: reservation))
        }
        job.change("spec") { spec in
            spec["suspend"] = true
            spec.change("template") { template in
                template.change("metadata") { $0.merge("labels", [JobKeys.Label.managedBy: JobKeys.managedBy]) }
                template.change("spec") { pod in
                    pod.changeElement(JobKeys.Container.clone, of: "initContainers") { container in
                        if let image = options.gitImage { container["image"] = .string(image) }
                        container.changeElement(JobKeys.Variable.gitRef, of: "env") { $0["value"] = .string(gitRef) }
                    }
                    pod.changeElement(JobKeys.Container.build, of: "containers") { container in
                        if let image = options.buildKitImage { container["image"] = .string(image) }
                        for (key, value) in Self.options(of: plan) { container.setOption(key, value) }
                        if let prefix = options.cachePrefix {
                            container.addCache("\(plan.image.host)/\(prefix)/\(plan.webapp):buildcache")
                        }
                    }
                }
            }
        }
        return job
    }

    private static func labels(of plan: BuildPlan) -> [String: String] {
        var labels = [JobKeys.Label.managedBy: JobKeys.managedBy]
        // A tag may be longer than a label's value, and end in what that must not end in. The annotation has it in
        // any case.
        let isValue =
            plan.version.tag.utf8.count <= 63
            && plan.version.tag.utf8.last.map { WebappName.isAlphanumeric($0 | 0x20) } == true
        if isValue { labels[JobKeys.Label.tag] = plan.version.tag }
        labels[JobKeys.Label.keyHash] = plan.idempotencyKey.map(JobKeys.hash)
        return labels
    }

    private static func annotations(of plan: BuildPlan, reservation: String) -> [String: String] {
        typealias Annotation = JobKeys.Annotation
        var annotations = [
            Annotation.image: plan.image.description,
            Annotation.createdAt: MicroTime(plan.createdAt).description,
            Annotation.gitURL: plan.git.url.withoutUserInfo,
            Annotation.gitRef: plan.git.ref,
            Annotation.gitSubdirectory: plan.git.subdirectory,
            Annotation.reservation: reservation,
        ]
        annotations[Annotation.gitCommit] = plan.git.commit
        annotations[Annotation.idempotencyKey] = plan.idempotencyKey
        annotations[Annotation.requestFingerprint] = plan.requestFingerprint
        annotations[Annotation.requestedBy] = plan.requestedBy
        annotations[Annotation.callbackURL] = plan.callbackURL
        annotations[Annotation.traceparent] = plan.traceparent?.description
        if !plan.platforms.isEmpty {
            annotations[Annotation.platforms] = plan.platforms.map(\.description).joined(separator: ",")
        }
        return annotations
    }

    /// Options of the Dockerfile frontend: platforms, and the image's labels; the script adds its revision.
    ///
    /// Spec: OCI image specification, "Pre-Defined Annotation Keys".
    private static func options(of plan: BuildPlan) -> [(key: String, value: String)] {
        let prefix = "label:org.opencontainers.image"
        var options = [
            ("\(prefix).version", plan.version.tag),
            ("\(prefix).source", plan.git.url.withoutUserInfo),
            ("\(prefix).created", Timestamp(plan.createdAt).description),
        ]
        if !plan.platforms.isEmpty {
            options.append(("platform", plan.platforms.map(\.description).joined(separator: ",")))
        }
        return options
    }
}

extension String {
    /// A URL without the password that an operator's own default may carry, and without user name where that can be a
    /// token.
    var withoutUserInfo: String {
        guard let start = firstRange(of: "://")?.upperBound else { return self }
        let authority = self[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let at = authority.lastIndex(of: "@") else { return self }
        let user = lowercased().hasPrefix("ssh://") ? authority[..<at].prefix { $0 != ":" } + "@" : ""
        return self[..<start] + user + self[index(after: at)...]
    }
}

extension JSONValue {
    /// The document with every string replaced for which there is a value.
    ///
    /// Names of members stay as they are.
    fileprivate func filled(_ value: (String) -> String?) -> JSONValue {
        switch self {
        case .string(let text): return .string(value(text) ?? text)
        case .array(let elements): return .array(elements.map { $0.filled(value) })
        case .object(var object):
            for (name, member) in object.members { object[name] = member.filled(value) }
            return .object(object)
        case .null, .bool, .number: return self
        }
    }

    /// Changes a member, which is made where there is none.
    fileprivate mutating func change(_ name: String, _ body: (inout JSONValue) -> Void) {
        var member = self[name] ?? [:]
        body(&member)
        self[name] = member
    }

    /// Sets members of a member.
    fileprivate mutating func merge(_ name: String, _ values: [String: String]) {
        change(name) { member in
            for (key, value) in values.sorted(by: { $0.key < $1.key }) { member[key] = .string(value) }
        }
    }

    /// Changes the element of a list whose `name` is this.
    ///
    /// A checked template has it.
    fileprivate mutating func changeElement(_ name: String, of list: String, _ body: (inout JSONValue) -> Void) {
        guard var elements = self[list]?.array, let index = elements.firstIndex(where: { $0["name"]?.string == name })
        else { return }
        body(&elements[index])
        self[list] = .array(elements)
    }

    /// Sets `--opt KEY=VALUE` among the arguments of a container, in place of one that sets the key already.
    fileprivate mutating func setOption(_ key: String, _ value: String) {
        var arguments = self["args"]?.array?.compactMap(\.string) ?? []
        let setting = "\(key)=\(value)"
        if let index = arguments.indices.dropFirst().first(where: { index in
            arguments[index - 1] == "--opt" && arguments[index].hasPrefix("\(key)=")
        }) {
            arguments[index] = setting
        } else if let index = arguments.firstIndex(where: { $0.hasPrefix("--opt=\(key)=") }) {
            arguments[index] = "--opt=\(setting)"
        } else {
            arguments += ["--opt", setting]
        }
        self["args"] = .array(arguments.map(JSONValue.string))
    }

    /// Reads and writes a build cache in the registry, unless the container's arguments speak of caches already.
    ///
    /// `mode=max` keeps the layers of all stages, and a registry that does not take the cache fails no build.
    fileprivate mutating func addCache(_ reference: String) {
        let given = ((self["command"]?.array ?? []) + (self["args"]?.array ?? [])).compactMap(\.string)
        guard !given.contains(where: { $0.hasPrefix("--export-cache") || $0.hasPrefix("--import-cache") }) else {
            return
        }
        let source = "type=registry,ref=\(reference)"
        let arguments = [
            "--export-cache", "\(source),mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true",
            "--import-cache", source,
        ]
        self["args"] = .array((self["args"]?.array ?? []) + arguments.map(JSONValue.string))
    }
}
