-- What a small database of this version holds otherwise than the sample before: the outage of the fourth of January is a mixed run.

UPDATE packed_checks SET runs = '[[0,3600000000,"AAAAAAAAAAAABbAAAAA",[[1,0,200],[3,0,503,0,6,"the answer was 503, expected 200-399"]],10000000,1,"#"],[72000000000,3600000000,4,1,0,200]]'
 WHERE monitor_key = 1 AND began_at = 1767484800000000;
