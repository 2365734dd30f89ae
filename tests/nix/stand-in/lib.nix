# A small stand-in for nixpkgs' lib, which no Debian has: what our modules use of it, with the same results. It knows nothing
# of files, docs or infinite recursion, and its errors only say that there is one. `AGENTD_NIX_LIB` puts the real one to the
# same tests.
let
  inherit (builtins)
    all
    attrNames
    attrValues
    concatMap
    elem
    filter
    foldl'
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isPath
    isString
    listToAttrs
    mapAttrs
    map
    ;

  kind = value: if isAttrs value then value._type or "" else "";
  reverse = foldl' (list: each: [ each ] ++ list) [ ];
  showPath = path: lib.concatStringsSep "." path;
  values = map (definition: definition.value);

  # Conditions and merges are taken apart; what is left may still be an override.
  discharge =
    value:
    if kind value == "if" then
      (if value.condition then discharge value.content else [ ])
    else if kind value == "merge" then
      concatMap discharge value.contents
    else
      [ value ];

  # Conditions of a whole are those of its parts, so that what is there can be known before any condition is.
  push =
    value:
    if kind value == "if" then
      map (mapAttrs (_: lib.mkIf value.condition)) (push value.content)
    else if kind value == "override" then
      map (mapAttrs (_: lib.mkOverride value.priority)) (push value.content)
    else if kind value == "merge" then
      concatMap push value.contents
    else
      [ value ];

  # What is left of the definitions of one option, after the one with the strongest override.
  strongest =
    definitions:
    let
      ranked = map (
        value:
        if kind value == "override" then
          {
            inherit (value) priority content;
          }
        else
          {
            priority = 100;
            content = value;
          }
      ) (concatMap discharge definitions);
      best = foldl' (least: each: if each.priority < least then each.priority else least) 9999 ranked;
    in
    concatMap (each: discharge each.content) (filter (each: each.priority == best) ranked);

  evalOption =
    path: option: definitions:
    let
      preset = lib.optional (option ? default) (lib.mkOverride 1500 option.default);
      found = strongest (definitions ++ preset);
      wrong = filter (value: !(option.type.check value)) found;
    in
    if found == [ ] then
      throw "The option `${showPath path}' is used but not defined."
    else if wrong != [ ] then
      throw "A definition for option `${showPath path}' is not of type `${option.type.description}'."
    else
      option.type.merge path (
        map (value: {
          file = "";
          inherit value;
        }) found
      );

  evalTree =
    path: options: freeform: definitions:
    let
      found = concatMap push definitions;
      at = name: concatMap (each: lib.optional (each ? ${name}) each.${name}) found;
      known = mapAttrs (
        name: option:
        if kind option == "option" then
          evalOption (path ++ [ name ]) option (at name)
        else
          evalTree (path ++ [ name ]) option null (at name)
      ) options;
      others = map (each: removeAttrs each (attrNames options)) found;
      unknown = concatMap attrNames others;
    in
    if freeform != null then
      freeform.merge path (
        map (value: {
          file = "";
          inherit value;
        }) others
      )
      // known
    else if unknown != [ ] then
      throw "The option `${showPath (path ++ [ (head unknown) ])}' does not exist."
    else
      known;

  mergeOptions = foldl' (
    left: right:
    left
    // mapAttrs (
      name: value: if left ? ${name} && kind value != "option" then mergeOptions [ left.${name} value ] else value
    ) right
  ) { };

  mkType = type: { _type = "option-type"; } // type;
  plain =
    description: check:
    mkType {
      inherit description check;
      merge = lib.mergeEqualOption;
    };
  conditional = value: elem (kind value) [ "if" "merge" "override" ];

  lib = {
    inherit
      attrNames
      attrValues
      concatMap
      filter
      foldl'
      mapAttrs
      ;

    optional = condition: value: if condition then [ value ] else [ ];
    optionalString = condition: text: if condition then text else "";
    optionalAttrs = condition: attrs: if condition then attrs else { };
    concatStringsSep = builtins.concatStringsSep;
    hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
    hasInfix = part: text: builtins.length (builtins.split (lib.escapeRegex part) text) > 1;
    escapeRegex = builtins.replaceStrings [ "." "/" ] [ "[.]" "/" ];
    max = left: right: if left > right then left else right;
    genAttrs = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
    filterAttrs = wanted: attrs: listToAttrs (concatMap (name: lib.optional (wanted name attrs.${name}) { inherit name; value = attrs.${name}; }) (attrNames attrs));
    mapAttrsToList = f: attrs: map (name: f name attrs.${name}) (attrNames attrs);
    literalExpression = text: text;

    mkOption = option: { _type = "option"; } // option;
    mkEnableOption = what: lib.mkOption { type = lib.types.bool; default = false; };
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
    mkDefault = lib.mkOverride 1000;
    mkForce = lib.mkOverride 50;
    mkOptionType = type: mkType ({ merge = lib.mergeEqualOption; } // type);
    mergeEqualOption =
      path: definitions:
      let
        first = head (values definitions);
      in
      if all (value: value == first) (values definitions) then first else throw "`${showPath path}' has conflicting definitions.";

    evalModules =
      {
        modules,
        specialArgs ? { },
      }:
      let
        arguments = { inherit lib config; } // specialArgs;
        load =
          module:
          if isPath module || isString module then
            load (import module)
          else if isFunction module then
            load (module arguments)
          else
            module;
        normal =
          module:
          if module ? options || module ? config then
            module
          else
            {
              imports = module.imports or [ ];
              config = removeAttrs module [ "imports" "freeformType" ];
            }
            // lib.optionalAttrs (module ? freeformType) { inherit (module) freeformType; };
        collect =
          module:
          let
            loaded = normal (load module);
          in
          concatMap collect (loaded.imports or [ ]) ++ [ loaded ];
        loaded = concatMap collect modules;
        freeform = foldl' (found: module: module.freeformType or found) null loaded;
        config = evalTree [ ] (mergeOptions (map (module: module.options or { }) loaded)) freeform (map (module: module.config or { }) (reverse loaded));
      in
      {
        inherit config;
      };

    types = {
      bool = plain "boolean" isBool;
      str = plain "string" isString;
      int = plain "signed integer" isInt;
      path = plain "path" (value: isPath value || (isString value && lib.hasPrefix "/" value));
      package = plain "package" (value: isAttrs value && value.type or "" == "derivation");
      anything = mkType {
        description = "anything";
        check = _: true;
        merge =
          path: definitions:
          if all isAttrs (values definitions) && !(all (value: value ? type) (values definitions)) then
            (lib.types.attrsOf lib.types.anything).merge path definitions
          else
            lib.mergeEqualOption path definitions;
      };
      ints.between = least: most: plain "integer between ${toString least} and ${toString most}" (value: isInt value && value >= least && value <= most);
      enum = words: plain "one of ${builtins.toJSON words}" (value: elem value words);
      nullOr =
        type:
        mkType {
          description = "null or ${type.description}";
          check = value: value == null || type.check value;
          merge =
            path: definitions:
            if all (value: value == null) (values definitions) then null else type.merge path definitions;
        };
      listOf =
        type:
        mkType {
          description = "list of ${type.description}";
          check = isList;
          merge =
            path: definitions:
            map (value: evalOption path { inherit type; } [ value ]) (concatMap (list: concatMap discharge list) (values definitions));
        };
      attrsOf =
        type:
        mkType {
          description = "attribute set of ${type.description}";
          check = value: isAttrs value && !(conditional value);
          merge =
            path: definitions:
            let
              found = concatMap discharge (values definitions);
              names = lib.genAttrs (concatMap attrNames found) (_: null);
              at = name: concatMap (each: lib.optional (each ? ${name}) each.${name}) found;
              defined = lib.filterAttrs (name: _: strongest (at name) != [ ]) names;
            in
            mapAttrs (name: _: evalOption (path ++ [ name ]) { inherit type; } (at name)) defined;
        };
      submodule =
        module:
        mkType {
          description = "submodule";
          check = isAttrs;
          merge = path: definitions: (lib.evalModules { modules = [ module ] ++ map (value: { config = value; }) (values definitions); }).config;
        };
    };
  };
in
lib
