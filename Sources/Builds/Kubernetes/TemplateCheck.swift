internal import KubernetesClient

/// Checks what this service relies on in a template, and nothing else: the rest is the operator's affair, and the API
/// server's.
struct TemplateCheck {
    let root: TemplateCursor

    func run() throws(TemplateProblem) {
        try require(root["apiVersion"], is: "batch/v1", because: "builds are Jobs of that version")
        try require(root["kind"], is: "Job", because: "every build is one Job")
        try checkPlaceholders()
        try checkMetadata()
        try checkLifecycle(root["spec"])
        let pod = root["spec"]["template"]["spec"]
        try checkContainers(pod)
    }

    // MARK: Placeholders

    /// Each placeholder is one whole value, and there are no others.
    private func checkPlaceholders() throws(TemplateProblem) {
        let known = JobTemplate.Placeholder.allCases.map(\.text)
        try root.forEachScalar { (text, isKey, line) throws(TemplateProblem) in
            guard text.contains("${") else { return }
            if known.contains(text) {
                guard !isKey else {
                    throw TemplateProblem(line: line, "\(text) stands for a value and cannot be a key")
                }
                return
            }
            guard let placeholder = known.first(where: text.contains) else {
                throw TemplateProblem(
                    line: line,
                    "\"\(Self.firstPlaceholder(in: text))\" is none of the placeholders \(known.joined(separator: " ")); "
                        + "in a script write $NAME for a variable")
            }
            throw TemplateProblem(
                line: line,
                "\(placeholder) is only a part of its value; it must be the whole value, and where it is needed within another "
                    + "one pass it in an environment variable")
        }
    }

    private static func firstPlaceholder(in text: String) -> String {
        guard let start = text.firstRange(of: "${")?.lowerBound else { return "" }
        let rest = text[start...].prefix(60)
        return String(rest.firstIndex(of: "}").map { rest[...$0] } ?? rest.prefix { !$0.isNewline })
    }

    // MARK: The Job

    private func checkMetadata() throws(TemplateProblem) {
        let metadata = root["metadata"]
        let generated = metadata["generateName"]
        guard generated.value == nil else {
            throw generated.problem(
                "\(generated.path) must be left out: the Job's name is the reservation of its version")
        }
        try require(metadata["name"], is: .jobName, because: "the Job's name is the reservation of its version")
        try checkReservedKeys(metadata)
        let labels = metadata["labels"]
        try require(labels[JobKeys.Label.name], is: JobKeys.name, because: "Jobs are found by it")
        try require(labels[JobKeys.Label.component], is: JobKeys.component, because: "Jobs are found by it")
        try require(labels[JobKeys.Label.webapp], is: .webappName, because: "Jobs are found by it")
    }

    /// What the service's own labels and annotations begin with.
    private static let reservedPrefix = "registry-query/"

    /// What the service writes down on a Job is not said by the template.
    private func checkReservedKeys(_ metadata: TemplateCursor) throws(TemplateProblem) {
        for keys in [metadata["labels"], metadata["annotations"]] {
            for key in keys.names where key.hasPrefix(Self.reservedPrefix) {
                guard key == JobKeys.Annotation.image, keys.path.hasSuffix("annotations") else {
                    throw keys[key].problem("\(keys[key].path) is the service's to set")
                }
                try require(keys[key], is: .image, because: "it says what the Job pushes")
            }
        }
    }

    private func checkLifecycle(_ spec: TemplateCursor) throws(TemplateProblem) {
        let backoffLimit = spec["backoffLimit"]
        guard backoffLimit.value?.int == 0 else {
            throw backoffLimit.problem("\(backoffLimit.path) must be 0: \(Self.oneAttempt)")
        }
        let deadline = spec["activeDeadlineSeconds"]
        guard let seconds = deadline.value?.int, seconds > 0 else {
            throw deadline.problem(
                "\(deadline.path) must be a number of seconds: nothing else ends a Job whose Pod cannot start")
        }
        let timeToLive = spec["ttlSecondsAfterFinished"]
        let shortest = Int(ReservationAttempt.longestAge.components.seconds)
        guard let seconds = timeToLive.value?.int, seconds >= shortest else {
            throw timeToLive.problem(
                "\(timeToLive.path) must be a number of at least \(shortest) seconds: versions are chosen from a list of Jobs "
                    + "that may be that old, so no Job may be gone sooner")
        }
        for name in ["parallelism", "completions"] {
            let count = spec[name]
            guard count.value == nil || count.value?.int == 1 else {
                throw count.problem("\(count.path) must be 1 or left out: one build is one Pod")
            }
        }
        try require(spec["template"]["spec"]["restartPolicy"], is: "Never", because: Self.oneAttempt)
        for rule in spec["podFailurePolicy"]["rules"].elements {
            guard rule["action"].value?.string != "Ignore" else {
                throw rule["action"].problem("\(rule["action"].path) must not be Ignore: \(Self.oneAttempt)")
            }
        }
    }

    private static let oneAttempt = "a second attempt could push over the first"

    // MARK: Containers

    private func checkContainers(_ pod: TemplateCursor) throws(TemplateProblem) {
        let hostPID = pod["hostPID"]
        guard hostPID.value == nil || hostPID.value?.bool == false else {
            throw hostPID.problem("\(hostPID.path) must be left out: what a build starts must end with its container")
        }
        let clone = try container(JobKeys.Container.clone, in: pod["initContainers"])
        try require(variable(JobKeys.Variable.gitURL, of: clone), is: .gitURL)
        try require(variable(JobKeys.Variable.gitSubdirectory, of: clone), is: .gitSubdirectory)
        let reference = try variable(JobKeys.Variable.gitRef, of: clone)
        guard reference.value?.string?.isEmpty == false else {
            throw reference.problem(
                "\(reference.path) needs a default, such as HEAD; the service sets it for each build")
        }
        let build = try container(JobKeys.Container.build, in: pod["containers"])
        try require(variable(JobKeys.Variable.image, of: build), is: .image)
        let arguments = build["args"]
        guard arguments.value == nil || arguments.value?.array?.allSatisfy({ $0.string != nil }) == true else {
            throw arguments.problem("\(arguments.path) must be a list of strings; the service adds options to it")
        }
    }

    private func container(_ name: String, in list: TemplateCursor) throws(TemplateProblem) -> TemplateCursor {
        let container = list[named: name]
        guard container.value != nil else {
            throw list.problem(
                "\(list.path) must have a container named \(name): its state and its log are read by that name")
        }
        try requireOnce(name, in: list)
        let restartPolicy = container["restartPolicy"]
        guard restartPolicy.value == nil || restartPolicy.value?.string == "Never" else {
            throw restartPolicy.problem("\(restartPolicy.path) must be Never or left out: \(Self.oneAttempt)")
        }
        return container
    }

    private func requireOnce(_ name: String, in list: TemplateCursor) throws(TemplateProblem) {
        let others = list.elements.filter { $0.value?["name"]?.string == name }.dropFirst()
        if let other = others.first { throw other.problem("\(other.path) comes twice") }
    }

    private func variable(_ name: String, of container: TemplateCursor) throws(TemplateProblem) -> TemplateCursor {
        let variable = container["env"][named: name]
        guard variable.value != nil else {
            throw container.problem("\(container.path).env must have the variable \(name)")
        }
        // Kubernetes takes the last, and the service sets the first.
        try requireOnce(name, in: container["env"])
        return variable["value"]
    }

    // MARK: Values

    private func require(
        _ place: TemplateCursor, is expected: String, because reason: String
    ) throws(TemplateProblem) {
        guard place.value?.string == expected else {
            throw place.problem("\(place.path) must be \(expected): \(reason)")
        }
    }

    private func require(
        _ place: TemplateCursor, is placeholder: JobTemplate.Placeholder, because reason: String? = nil
    ) throws(TemplateProblem) {
        guard place.value?.string == placeholder.text else {
            throw place.problem("\(place.path) must be \(placeholder.text)" + (reason.map { ": \($0)" } ?? ""))
        }
    }
}
